import { renderCurves } from '../pictures/curves.js'
import type { Calibration } from './gate-bias.js'
import type { TeachingPoint } from './teach-events.js'

const COLUMNS = ['step', 'tokens', 'loss', 'divergence', 'heldOutLoss', 'retainedLoss', 'newExpertShare'] as const
const HEAD = ['step', 'tokens', 'loss', 'divergence', 'held_out_loss', 'kept_loss', 'newcomer_share']

/** Tables and pictures of a training and its calibration, as files for the model's folder. */
export function curveFiles(
  curve: readonly TeachingPoint[],
  calibration: Calibration,
  caption: readonly string[],
): Record<string, string> {
  return {
    'teaching.csv': curveCsv(curve),
    'teaching.svg': curveSvg(curve, caption),
    'calibration.csv': calibrationCsv(calibration),
    'calibration.svg': calibrationSvg(calibration, caption),
  }
}

function curveCsv(curve: readonly TeachingPoint[]): string {
  return csv([HEAD, ...curve.map((point) => COLUMNS.map((column) => shown(point[column])))])
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

/** A row for each bias, with the rise of each retained text. */
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
