import { plural } from '../../ground/numbers.js'
import { renderCurves } from '../pictures/kinds/curves.js'
import type { TeachingAccount } from './account.js'
import type { Calibration } from './gate-bias.js'
import type { TeachingPoint } from './teach-events.js'

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
