import { renderCurves } from '../pictures/kinds/curves.js'
import type { Calibration } from './gate-bias.js'
import type { RunPlan } from './run-plan.js'
import type { TeachingPoint } from './teach-events.js'
import type { TrainingOutcome } from './training-run.js'

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

function captionOf({ setup }: RunPlan, { bestStep }: TrainingOutcome, { bias }: Calibration): string[] {
  const { kind, layers, experts } = setup.settings
  const names = setup.datasets.map(({ name }) => name).join(', ')
  return [
    `${experts} new ${kind} ${experts === 1 ? 'expert' : 'experts'} in each of ${layers.length} layers (${layers.join(', ')}); the state of step ${bestStep} was kept, with a gate bias of ${bias}`,
    `texts: ${names.length > 90 ? `${names.slice(0, 89)}…` : names}`,
  ]
}

const COLUMNS = ['step', 'tokens', 'loss', 'divergence', 'heldOutLoss', 'retainedLoss', 'newExpertShare'] as const
const HEAD = ['step', 'tokens', 'loss', 'divergence', 'held_out_loss', 'kept_loss', 'newcomer_share']

/** Tables and pictures of a training and its calibration, as files for the model's folder. */
export function curveFiles(plan: RunPlan, outcome: TrainingOutcome, calibration: Calibration): Record<string, string> {
  const { curve } = outcome
  const caption = captionOf(plan, outcome, calibration)
  return {
    'teaching.csv': csv([HEAD, ...curve.map((point) => COLUMNS.map((column) => shown(point[column])))]),
    'teaching.svg': curveSvg(curve, caption),
    'calibration.csv': calibrationCsv(calibration),
    'calibration.svg': calibrationSvg(calibration, caption),
  }
}

function curveSvg(curve: readonly TeachingPoint[], caption: readonly string[]): string {
  const of = (column: 'loss' | 'heldOutLoss' | 'retainedLoss') =>
    curve.flatMap(({ step: x, [column]: y }) => (y === undefined ? [] : [{ x, y }]))
  return renderCurves({
    title: 'How it was taught',
    caption,
    x: 'step',
    y: 'loss, nats a token',
    curves: [
      { name: 'steps', points: of('loss'), isFaint: true },
      { name: 'held out of the texts', points: of('heldOutLoss') },
      { name: 'held out of what is kept', points: of('retainedLoss') },
    ],
  })
}

function calibrationCsv({ curve }: Calibration): string {
  const rises = curve[0].retained.map(({ name }) => `"rise of ${name.replaceAll('"', '""')}"`)
  const rows = curve.map(({ bias, heldOutLoss, newExpertShare, retained }) =>
    [bias, heldOutLoss, newExpertShare, ...retained.map(({ rise }) => rise)].map(shown),
  )
  return csv([['bias', 'held_out_loss', 'newcomer_share', ...rises], ...rows])
}

/** Plots losses by bias, as differences from the original model's. */
function calibrationSvg({ curve, bias, heldOutLossBefore }: Calibration, caption: readonly string[]): string {
  const rising = [...curve].reverse()
  return renderCurves({
    title: 'How far the gates of the new experts are open',
    caption: [...caption, `chosen: a bias of ${bias}`],
    x: 'bias of the gates',
    y: 'loss, nats above the original model',
    curves: [
      {
        name: 'held out of the texts',
        points: rising.map(({ bias: x, heldOutLoss }) => ({ x, y: heldOutLoss - heldOutLossBefore })),
      },
      ...curve[0].retained.map(({ name }, i) => ({
        name,
        points: rising.map(({ bias: x, retained }) => ({ x, y: retained[i].rise })),
      })),
    ],
  })
}

function csv(rows: readonly (readonly string[])[]): string {
  return `${rows.map((row) => row.join(',')).join('\n')}\n`
}

function shown(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(7)))
}
