import type { Calibration } from './gate-bias.js'
import type { RunPlan } from './run-plan.js'
import type { TrainingOutcome } from './training-run.js'

/** Summarises a teaching for the packed file's metadata. */
export function summaryOf(
  { setup, plan }: RunPlan,
  { bestStep, curve, stopReason }: TrainingOutcome,
  { bias, isWithinLimit, heldOutLossBefore, curve: points }: Calibration,
): Record<string, unknown> {
  const { settings } = setup
  const best = curve.find(({ step }) => step === bestStep)
  const calibrated = points.find((point) => point.bias === bias)
  return {
    texts: setup.datasets.map(({ name }) => name),
    keep: setup.retained.map(({ name }) => name),
    kind: settings.kind,
    layers: settings.layers,
    experts: settings.experts,
    parameters: plan.parameters,
    steps: bestStep,
    tokens: best?.tokens ?? 0,
    ending: stopReason,
    seed: settings.seed,
    gate_bias: bias,
    forget: settings.forget,
    is_within: isWithinLimit,
    held_out_loss: { before: heldOutLossBefore, after: calibrated?.heldOutLoss },
  }
}

/** Caption of a teaching's pictures. */
export function captionOf({ setup }: RunPlan, { bestStep }: TrainingOutcome, { bias }: Calibration): string[] {
  const { kind, layers, experts } = setup.settings
  const names = setup.datasets.map(({ name }) => name).join(', ')
  return [
    `${experts} new ${kind} ${experts === 1 ? 'expert' : 'experts'} in each of ${layers.length} layers (${layers.join(', ')}); the state of step ${bestStep} was kept, with a gate bias of ${bias}`,
    `texts: ${names.length > 90 ? `${names.slice(0, 89)}…` : names}`,
  ]
}
