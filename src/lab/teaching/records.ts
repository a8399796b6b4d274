import { UserError } from '../../ground/errors.js'
import { fields, isCount, isNumber, isText, listOf, oneOf, whole } from '../../ground/json/forms.js'
import { plural } from '../../ground/numbers.js'
import { MIXTURE_KINDS, type MixtureKind } from '../../model/config/config.js'
import { renderCurves } from '../figures/curves.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import type { Calibration, GatePoint } from './gate-bias.js'
import type { RunPlan } from './run-plan.js'
import type { TeachingPoint } from './teach-events.js'
import type { TrainingOutcome } from './training-run.js'

/** Account of a teaching in the packed file (docs/FORMAT.md): the part that is needed to choose the gates again. */
export interface TeachingAccount {
  texts: string[]
  kind: MixtureKind
  layers: number[]
  experts: number
  steps: number
  gate_bias: number
  held_out_loss: BeforeAndAfter
  /** Bias, held-out loss, share of new experts and cost of each measured point, in falling order of the bias. */
  gates: number[][]
  /** Prompts to try the model: first words of lines of the texts. */
  beginnings: string[]
}

const isAccount = fields<TeachingAccount>({
  texts: listOf(isText),
  kind: oneOf(MIXTURE_KINDS),
  layers: listOf(isCount),
  experts: whole(1),
  steps: isCount,
  gate_bias: isNumber,
  held_out_loss: fields({ before: isNumber, after: isNumber }),
  gates: listOf(listOf(isNumber, { least: 4, most: 4 }), { least: 1 }),
  beginnings: listOf(isText, { least: 1 }),
})

/** The account of a model's last teaching. Throws a UserError if it has none whose gates can be chosen again. */
export function lastAccount(name: string, accounts: readonly unknown[] = []): TeachingAccount {
  const last = accounts.at(-1)
  if (isAccount(last)) return last
  throw new UserError(
    `${name}: there are no gates to choose: only a model as \`molm teach\` of this version wrote it has them`,
  )
}

export function gatesOf({ gates }: TeachingAccount): GatePoint[] {
  return gates.map(([bias, heldOutLoss, newExpertShare, cost]) => ({ bias, heldOutLoss, newExpertShare, cost }))
}

export function accountOf(
  { setup, plan }: RunPlan,
  { bestStep, curve, stopReason }: TrainingOutcome,
  { bias, forget, isWithinLimit, heldOutLossBefore, heldOutLoss, curve: points }: Calibration,
  beginnings: string[],
): TeachingAccount & Record<string, unknown> {
  const { settings } = setup
  const best = curve.find(({ step }) => step === bestStep)
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
    forget,
    is_within: isWithinLimit,
    held_out_loss: { before: heldOutLossBefore, after: heldOutLoss },
    gates: points.map(({ bias, heldOutLoss, newExpertShare, cost }) => [bias, heldOutLoss, newExpertShare, cost]),
    beginnings,
  }
}

function captionOf({ kind, layers, experts, steps, texts }: TeachingAccount): string[] {
  const names = texts.join(', ')
  return [
    `${plural(experts, `new ${kind} expert`)} in each of ${plural(layers.length, 'layer')} (${layers.join(', ')}); the state of step ${steps} was kept`,
    `texts: ${names.length > 90 ? `${names.slice(0, 89)}…` : names}`,
  ]
}

const COLUMNS = ['step', 'tokens', 'loss', 'divergence', 'heldOutLoss', 'retainedLoss', 'newExpertShare'] as const
const HEAD = ['step', 'tokens', 'loss', 'divergence', 'held_out_loss', 'kept_loss', 'newcomer_share']

/** Tables and pictures of a training and its calibration, as files for the model's folder. */
export function curveFiles(
  curve: readonly TeachingPoint[],
  calibration: Calibration,
  account: TeachingAccount,
): Record<string, string> {
  return {
    'teaching.csv': csv([HEAD, ...curve.map((point) => COLUMNS.map((column) => shown(point[column])))]),
    'teaching.svg': teachingSvg(curve, account),
    'calibration.csv': calibrationCsv(calibration),
    'calibration.svg': calibrationSvg(calibration, captionOf(account)),
  }
}

/** Reads the points that `teachingSvg` draws from a teaching.csv; a number that is not there is NaN, and not drawn. */
export function parseTeachingCsv(text: string): TeachingPoint[] {
  const rows = text.trim().split('\n').slice(1)
  return rows.map((row) => {
    const numbers = row.split(',').map((cell) => (cell === '' ? Number.NaN : Number(cell)))
    return Object.fromEntries(COLUMNS.map((column, i) => [column, numbers[i]])) as unknown as TeachingPoint
  })
}

/** Plots a training. The last point is the model as written, with its gates lowered. */
export function teachingSvg(curve: readonly TeachingPoint[], account: TeachingAccount): string {
  const { gate_bias: bias, held_out_loss: loss } = account
  const of = (column: 'loss' | 'heldOutLoss' | 'retainedLoss') =>
    curve.flatMap(({ step: x, [column]: y }) => (y === undefined ? [] : [{ x, y }]))
  return renderCurves({
    title: 'How it was taught',
    caption: [...captionOf(account), `the model as written, with a gate bias of ${bias}: ${loss.after.toFixed(3)}`],
    x: 'step',
    y: 'loss, nats a token',
    curves: [
      { name: 'steps', points: of('loss'), isFaint: true },
      { name: 'held out of the texts', points: of('heldOutLoss') },
      { name: 'held out of what is kept', points: of('retainedLoss') },
      { name: 'as written', points: [{ x: curve.at(-1)?.step ?? 0, y: loss.after }] },
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
function calibrationSvg({ curve, heldOutLossBefore }: Calibration, caption: readonly string[]): string {
  const rising = [...curve].reverse()
  return renderCurves({
    title: 'How far the gates of the new experts are open',
    caption,
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
