import { cellWidth } from '../../ground/output/cell-width.js'
import { styled } from '../../ground/output/style.js'
import { gateOf, largestShare } from './amounts.js'
import { type CellForm, type CellPainter, isBraille, SIGNS } from './cell-painter.js'
import type { TokenMap } from './token-map.js'

/** Amounts of the samples in the legend; each is the largest of its shade. */
const SAMPLES = [0.25, 0.5, 0.75, 1]
const BETWEEN = '   '

export interface LegendOptions {
  form: CellForm
  fades?: boolean
  /** Whether cells of the selected token are marked. */
  marks?: boolean
  /** Other notes, most important first. */
  notes: readonly string[]
  /** Hints at keys, longest first. */
  keys: readonly string[]
}

/** Explains the cells: a scale, then notes, other signs and a hint at keys, as far as there is room. */
export function legendOf(map: TokenMap, painter: CellPainter, width: number, options: LegendOptions) {
  const { notes, keys } = options
  const dim = (text: string) => styled(text, 'dim', painter.depth)
  const scale = scaleOf(map, painter, width, options)
  const after = width - scale.width
  // The other signs explain themselves: a hint at keys goes before them.
  const kept = keys.length > 0 ? BETWEEN.length + cellWidth(keys[keys.length - 1]) : 0
  const noted = joined(notes, '', after, scale.width > 0)
  const rest = joined(signs(map, painter, options), noted, after - kept, scale.width > 0)
  const hint = longest(keys, after - cellWidth(rest), BETWEEN)
  return {
    text: scale.text + dim(rest + hint),
    hasNote: notes.length === 0 || noted.includes(notes[0]),
    hasKeys: hint !== '',
  }
}

/** The longest text that fits, with a separator in front of it; empty if none fits. */
export function longest(texts: readonly string[], width: number, separator: string): string {
  const found = texts.find((text) => cellWidth(separator + text) <= width)
  return found === undefined ? '' : separator + found
}

function joined(parts: readonly string[], begun: string, width: number, isAfter: boolean): string {
  return parts.reduce((line, part) => {
    return line + longest([part], width - cellWidth(line), isAfter || line !== '' ? BETWEEN : '')
  }, begun)
}

/** Samples of the cells with their gates or shares. Without colour, cells that share a sign have no shades. */
function scaleOf(
  map: TokenMap,
  painter: CellPainter,
  width: number,
  { form }: LegendOptions,
): { text: string; width: number } {
  const dim = (text: string) => styled(text, 'dim', painter.depth)
  if (!hasShades(painter, form) && map.selected === undefined) {
    const text = chosenSign(form)
    return { text, width: cellWidth(text) }
  }
  const isUsage = map.mode === 'usage'
  const values = SAMPLES.map((amount) => {
    return isUsage ? `${Math.round(100 * largestShare(map.usage) * amount)}` : formatGate(gateOf(amount, map))
  })
  const [before, after] = isUsage ? ['share ', ' %'] : ['gate ', '']
  const whole = values.reduce((sum, value) => sum + 3 + value.length, before.length + after.length - 1)
  if (whole > width) return { text: '', width: 0 }
  const samples = SAMPLES.map((amount, i) => `${painter.sample(amount)}${dim(` ${values[i]}`)}`).join(' ')
  return { text: dim(before) + samples + dim(after), width: whole }
}

/** Explains the signs that are no part of the scale. */
function signs(map: TokenMap, painter: CellPainter, { form, fades, marks }: LegendOptions): string[] {
  const isWalking = map.selected !== undefined
  return [
    isBraille(form) ? `${isWalking ? `${SIGNS.empty} or ` : ''}blank: not chosen` : `${SIGNS.empty} not chosen`,
    // During a walk the scale, as the dot, belongs to the chosen layer.
    ...(isWalking && !hasShades(painter, form) ? [chosenSign(form)] : []),
    ...(fades && !isBraille(form) ? [`${SIGNS.trail} just before`] : []),
    ...(marks ? [`${SIGNS.mark} by this token`] : []),
    ...(map.maskedExperts > 0 ? [`${SIGNS.struck} ${SIGNS.struckChosen} masked`] : []),
  ]
}

/** Whether the cells show gates: without colour, cells that share a sign do not. */
function hasShades({ depth }: CellPainter, { perLine, cell }: CellForm): boolean {
  return depth !== 'none' || (perLine === 1 && cell >= 1)
}

function chosenSign(form: CellForm): string {
  return `${isBraille(form) ? '⠂' : '▘'} chosen`
}

function formatGate(gate: number): string {
  return gate < 1 ? gate.toFixed(2).replace(/^0/, '') : String(Number(gate.toPrecision(3)))
}
