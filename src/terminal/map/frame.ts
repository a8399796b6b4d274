import { cellWidth, fit } from '../../ground/output/cell-width.js'
import { styled } from '../../ground/output/style.js'
import { visibleToken } from '../../insight/pictures/blocks/labels.js'
import { awakeIn, awakeSentence } from '../../insight/usage/awake.js'
import type { MixtureKind } from '../../model/config/config.js'
import { gateOf, largestShare } from './amounts.js'
import { type CellForm, type CellPainter, isBraille, SIGNS } from './cell-painter.js'
import { type Fold, foldNote } from './fold.js'
import type { TokenMap } from './token-map.js'

export interface MapOptions {
  /** Whether to show the experts that the tokens just before chose, too. */
  fades: boolean
  isStreaming: boolean
  /** Hints at the keys that change the map, from the longest to the shortest. */
  keys: readonly string[]
}

/** Lines above and below the lanes, besides the title. */
export interface Labels {
  /** Lines for the names of the kinds and the numbers of the experts: one for both, or two. */
  heads: 0 | 1 | 2
  legend: boolean
  /** Whether the sentence on all experts has a separate line. */
  caption: boolean
  /** Number of all these lines, with the title. */
  lines: number
}

/** Lines that a map without folds has besides its lanes: caption, title, two heads and the legend. */
export const ALL_LABELS = 5

/** Labels that a map of this height has before its lanes take what is left. */
export function leastLabels(height: number): Labels {
  const [heads, legend] = [height >= 5 ? 1 : 0, height >= 6] as const
  return { heads, legend, caption: false, lines: 1 + heads + Number(legend) }
}

/** Labels of a map of this height: the lines that its lanes leave are for the caption, then for a second head. */
export function labelsFor(height: number, lanes: number): Labels {
  const least = leastLabels(height)
  const free = least.legend ? Math.max(0, height - lanes - least.lines) : 0
  const lines = least.lines + Math.min(2, free)
  return { ...least, ...(free > 1 && { heads: 2 }), caption: free > 0, lines }
}

export function titleOf(map: TokenMap, isStreaming = false): string {
  const { mode, shown, selected, shownIndex, usage } = map
  if (mode === 'usage') return `share of the answers' ${usage.tokens} tokens that chose each expert`
  if (mode === 'layer') return 'a row per token'
  if (!shown) return 'a row is a layer, a cell an expert, lit when a token chooses it'
  const text = `"${visibleToken(shown.text)}"`
  if (selected === undefined) return `experts of the ${isStreaming ? 'newest' : 'last'} token ${text}`
  return `experts of token ${shownIndex + 1} of ${map.tokens.length} ${text}${shown.isQuestion ? ' (read)' : ''}`
}

/**
 * The sentence on the experts of all answers, as long as fits `width`. Empty if none does, and before the second answer:
 * the first one has its own.
 */
export function captionOf({ usage, answerLength }: TokenMap, width: number): string {
  if (usage.tokens <= answerLength) return ''
  const { experts, woke, committee } = awakeIn(usage)
  const [some, all, half] = [woke, experts, committee].map((count) => count.toLocaleString('en-US'))
  const forms = [
    `all answers: ${awakeSentence(usage)}`,
    `all answers: ${some} of ${all} experts woke; ${half} did half of the work`,
    `all answers: ${some} of ${all} woke; ${half} did half of the work`,
    `all answers: ${some} of ${all} woke; ${half} did half`,
    `all answers: ${some} of ${all} woke`,
    `in all: ${some} of ${all} woke`,
  ]
  return forms.find((form) => cellWidth(form) <= width) ?? ''
}

const SEPARATOR = ' · '

export interface FrameTexts extends Pick<LegendOptions, 'fades' | 'marks' | 'keys'> {
  kinds: readonly MixtureKind[]
  fold: Fold
  title: readonly string[]
}

/** The caption and the title above a map, and the legend below it, with as many notes and hints as fit. */
export function frameAround(
  map: TokenMap,
  painter: CellPainter,
  width: number,
  labels: Labels,
  { kinds, fold, title, keys, ...marks }: FrameTexts,
): { above: string[]; below: string[] } {
  const note = foldNote(kinds, fold)
  const notes = labels.heads > 0 && map.hasNewcomers ? [...note, '+ newcomer'] : note
  // The title has room for the keys if the caption has its own line; during a walk they matter more than the caption.
  const isTitleFirst = labels.caption || map.selected !== undefined || !labels.legend
  const legend = legendOf(map, painter, width, { ...marks, form: fold, notes, keys: isTitleFirst ? [] : keys })
  const parts = [...title, ...(labels.legend && legend.hasNote ? [] : note)]
  const text = fit(parts.join(SEPARATOR), width)
  const room = width - cellWidth(text)
  const hint = legend.hasKeys ? '' : longest(keys, room, SEPARATOR)
  const caption = labels.caption ? '' : captionOf(map, room - cellWidth(hint) - SEPARATOR.length)
  const whole = text + (caption === '' ? '' : SEPARATOR + caption) + styled(hint, 'dim', painter.depth)
  const sentence = labels.caption ? captionOf(map, width) : ''
  const above = sentence === '' ? [whole] : [styled(sentence, 'bold', painter.depth), whole]
  return { above, below: labels.legend ? [legend.text] : [] }
}

/** Amounts of the samples in the legend; each but the first is the largest of its shade. */
const SAMPLES = [0, 0.25, 0.5, 0.75, 1]
const BETWEEN = '   '

interface LegendOptions {
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
function legendOf(map: TokenMap, painter: CellPainter, width: number, options: LegendOptions) {
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
function longest(texts: readonly string[], width: number, separator: string): string {
  const found = texts.find((text) => cellWidth(separator + text) <= width)
  return found === undefined ? '' : separator + found
}

function joined(parts: readonly string[], start: string, width: number, isAfter: boolean): string {
  return parts.reduce((line, part) => {
    return line + longest([part], width - cellWidth(line), isAfter || line !== '' ? BETWEEN : '')
  }, start)
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
  // The weakest colour means 0. Without colours, no sign does.
  const amounts = painter.depth === 'none' ? SAMPLES.slice(1) : SAMPLES
  const values = amounts.map((amount) => {
    return isUsage ? `${Math.round(100 * largestShare(map.usage) * amount)}` : formatGate(gateOf(amount, map))
  })
  const [before, after] = isUsage ? ['share ', ' %'] : ['gate ', '']
  const whole = values.reduce((sum, value) => sum + 3 + value.length, before.length + after.length - 1)
  if (whole > width) return { text: '', width: 0 }
  const samples = amounts
    .map((amount, i) => `${painter.sample(amount || Number.MIN_VALUE)}${dim(` ${values[i]}`)}`)
    .join(' ')
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
  return gate > 0 && gate < 1 ? gate.toFixed(2).replace(/^0/, '') : String(Number(gate.toPrecision(3)))
}
