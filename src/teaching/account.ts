import type { Calibration } from './calibration.js'
import type { Learnt } from './course.js'
import type { Outline } from './outline.js'

/** The packed file's account of a teaching. */
export function accountOf(
  { course, plan }: Outline,
  { bestStep, curve, ending }: Learnt,
  { bias, isWithin, heldOutBefore, curve: points }: Calibration,
): Record<string, unknown> {
  const { settings } = course
  const best = curve.find(({ step }) => step === bestStep)
  const calibrated = points.find((point) => point.bias === bias)
  return {
    texts: course.lessons.map(({ name }) => name),
    keep: course.keep.map(({ name }) => name),
    kind: settings.kind,
    layers: settings.layers,
    experts: settings.experts,
    parameters: plan.parameters,
    steps: bestStep,
    tokens: best?.tokens ?? 0,
    ending,
    seed: settings.seed,
    gate_bias: bias,
    forget: settings.forget,
    is_within: isWithin,
    held_out_loss: { before: heldOutBefore, after: calibrated?.heldOut },
  }
}

/** What stands under the pictures of a teaching. */
export function captionOf({ course }: Outline, { bestStep }: Learnt, { bias }: Calibration): string[] {
  const { kind, layers, experts } = course.settings
  const names = course.lessons.map(({ name }) => name).join(', ')
  return [
    `${experts} new ${kind} ${experts === 1 ? 'expert' : 'experts'} in each of ${layers.length} layers (${layers.join(', ')}); the state of step ${bestStep} was kept, with a gate bias of ${bias}`,
    `texts: ${names.length > 90 ? `${names.slice(0, 89)}…` : names}`,
  ]
}
