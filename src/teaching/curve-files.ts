import { renderCurves } from '../pictures/curves.js'
import type { CurvePoint } from './teach-events.js'

const COLUMNS = ['step', 'tokens', 'loss', 'heldOut', 'kept', 'newcomerShare'] as const
const HEAD = ['step', 'tokens', 'loss', 'held_out_loss', 'kept_loss', 'newcomer_share']

/** The files beside a taught model that show how it learnt: a table of all steps, and a picture of their losses. */
export function curveFiles(curve: readonly CurvePoint[], caption: readonly string[]): Record<string, string> {
  return { 'teaching.csv': curveCsv(curve), 'teaching.svg': curveSvg(curve, caption) }
}

export function curveCsv(curve: readonly CurvePoint[]): string {
  const rows = curve.map((point) => COLUMNS.map((column) => shown(point[column])).join(','))
  return `${[HEAD.join(','), ...rows].join('\n')}\n`
}

export function curveSvg(curve: readonly CurvePoint[], caption: readonly string[]): string {
  const of = (column: 'loss' | 'heldOut' | 'kept') =>
    curve.flatMap(({ step: x, [column]: y }) => (y === undefined ? [] : [{ x, y }]))
  return renderCurves({
    title: 'How it was taught',
    caption,
    x: 'step',
    y: 'loss, nats a token',
    curves: [
      { name: 'steps', points: of('loss'), isFaint: true },
      { name: 'held out of the texts', points: of('heldOut') },
      { name: 'held out of what is kept', points: of('kept') },
    ],
  })
}

function shown(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(7)))
}
