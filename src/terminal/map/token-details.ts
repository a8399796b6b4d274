import { cellWidth, fit } from '../../ground/output/cell-width.js'
import { inverse } from '../../ground/output/style.js'
import { wrap } from '../../ground/output/wrap.js'
import { printable } from '../../ground/printable.js'
import { nameIn } from '../../insight/atlas/atlas.js'
import { type SpokenTokens, WORDS, wordsOf } from '../../insight/atlas/words-of-expert.js'
import { visibleToken } from '../../insight/pictures/blocks/labels.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import type { MixtureKind } from '../../model/config/config.js'
import { pushText } from '../../model/config/mask-spec.js'
import type { TokenMap } from './token-map.js'

/** Lines for the experts of a token, shared by the kinds of experts. */
const EXPERT_LINES = 2
/** Number of experts to name besides the chosen ones: the closest. */
const ALTERNATIVES = 3
const MOST_NAME = 16

interface ExpertsForm {
  decimals: 2 | 3
  /** Number of chosen experts to name, the strongest first. */
  named: number
  hasOthers: boolean
}

const FULL: ExpertsForm = { decimals: 3, named: Number.POSITIVE_INFINITY, hasOthers: true }

/** The experts of the selected token in one layer, and the next best ones: one line per kind, or up to two in all. */
export function expertsLines(map: TokenMap, width: number, isShort: boolean): string[] {
  const kinds = map.kindsOf(map.layer)
  if (kinds.length === 0) return [fit(`layer ${map.layer} is dense: it has no experts`, width)]
  const most = isShort ? 1 : Math.max(1, EXPERT_LINES / kinds.length)
  return kinds.flatMap((kind) => {
    let lines: string[] = []
    for (const form of formsFor(map, kind)) {
      lines = wrapped(expertsLine(map, kind, form), width)
      if (lines.length <= most) return lines
    }
    return shortened(lines, width, most)
  })
}

/** Forms of the line of one kind, from the longest to the shortest. */
function formsFor(map: TokenMap, kind: MixtureKind): ExpertsForm[] {
  const count = map.shown?.routes[map.layer][kind]?.ids.length ?? 0
  const short = { decimals: 2, hasOthers: false } as const
  const named = map.atlas ? Array.from({ length: count }, (_, i) => ({ ...short, named: count - i })) : []
  return [FULL, { ...FULL, hasOthers: false }, ...named, { ...short, named: 0 }]
}

/** Wraps a line of experts, not between an expert and its gate. */
function wrapped(line: string, width: number): string[] {
  return wrap(line, width).map((text) => text.replaceAll(TIE, ' '))
}

/** The first `count` lines; an ellipsis replaces the rest. */
function shortened(lines: readonly string[], width: number, count: number): string[] {
  let last = `${lines[count - 1].trimEnd()} …`
  while (cellWidth(last) > width && last.includes(' ')) last = last.replace(/ *\S+ …$/, ' …')
  return [...lines.slice(0, count - 1), fit(last, width)]
}

/** A blank at which a line must not be broken. */
const TIE = '\u00a0'

/**
 * Chosen experts with their gates, then the likeliest others: `layer 3 mlp: 4 .412  9 .201 | next 3 .087  7 .042`. With
 * an atlas, experts have names: `e4 digits .412`. Scores that are no probabilities are named: `next by score`. An expert
 * that every token uses is marked: `8 1.000 always`. Blanks within an expert are no-break spaces.
 */
function expertsLine(map: TokenMap, kind: MixtureKind, { decimals, named, hasOthers }: ExpertsForm): string {
  const { layer } = map
  const routes = map.shown?.routes[layer][kind]
  if (!routes) return `layer ${layer} ${kind}: no experts`
  const { ids, gates, probabilities = new Float32Array(0) } = routes
  const e = named > 0 && map.atlas ? 'e' : ''
  const chosen = Array.from(ids, (expert, slot) => {
    const name = slot < named ? shortName(map, { kind, layer, expert }) : undefined
    const notes = [
      ...(map.isAlways(kind, layer, expert) ? ['always'] : []),
      ...(decimals === 3 && map.isMasked(kind, layer, expert) ? ['masked'] : []),
    ]
    const parts = [`${e}${expert}`, ...(name === undefined ? [] : [name]), share(gates[slot], decimals), ...notes]
    return parts.join(' ').replaceAll(' ', TIE)
  })
  const others = Array.from(probabilities, (score, id) => ({ id, score }))
    .filter(({ id }) => !ids.includes(id))
    .sort((a, b) => b.score - a.score)
    .slice(0, hasOthers ? ALTERNATIVES : 0)
    .map(({ id, score }) => `${e}${id}${TIE}${share(score)}`)
  const next = others.length > 0 ? ` | next${map.hasProbabilities(kind) ? '' : ' by score'} ${others.join('  ')}` : ''
  return `layer ${layer} ${kind}: ${chosen.join('  ')}${next}`
}

/** The expert under the cursor and what woke it: `layer 9 expert 17, "ships", gate .41: woken by "ship", "sails"`. */
export function wokenLine(map: TokenMap, width: number): string[] {
  const { cursor, shown, kinds } = map
  if (!cursor || !shown) return []
  const { kind, layer, expert } = cursor
  const routes = shown.routes[layer][kind]
  const slot = routes?.ids.indexOf(expert) ?? -1
  const place = `layer ${layer} ${kinds.length > 1 ? `${kind} ` : ''}expert ${expert}`
  const token = `"${visibleToken(shown.text.trim() || shown.text)}"`
  const gate = routes && slot >= 0 ? `${token}, gate ${share(routes.gates[slot], 2)}` : `not chosen by ${token}`
  const push = map.pushOf(kind, layer, expert)
  const masked = map.isMasked(kind, layer, expert) ? ', masked' : push === 0 ? '' : `, steered ${pushText(push)}`
  const names = [nameIn(map.atlas, cursor), shortName(map, cursor)].flatMap((name) => name ?? [])
  const heads = [...names.map((name) => `${place} (${printable(name)})`), place].map(
    (head) => `${head}, ${gate}${masked}: `,
  )
  const causes = causesOf(map, cursor)
  // A shorter name is better than no word.
  const lines = heads.flatMap((head) => causes.map((cause) => head + cause))
  return [lines.find((line) => cellWidth(line) <= width) ?? fit(lines[lines.length - 1], width)]
}

/** Descriptions of what woke an expert, the longest first. */
function causesOf(map: TokenMap, { kind, layer, expert }: ExpertPlace): string[] {
  const words = wordsOf(routedTokens(map), { kind, layer, expert }).slice(0, WORDS)
  if (words.length > 0) {
    const quoted = words.map(({ text }) => `"${visibleToken(text)}"`)
    return quoted.map((_, i) => `woken by ${quoted.slice(0, quoted.length - i).join(', ')}`)
  }
  if (map.isAlways(kind, layer, expert)) return ['woken by every token']
  const isAwake = map.tokens.some(({ routes }) => routes[layer][kind]?.ids.includes(expert))
  return [isAwake ? 'woken by all words alike' : 'asleep so far']
}

/** The selected token in reverse video, between its neighbours. */
export function tokenStrip(map: TokenMap, width: number): string {
  const at = map.shownIndex
  const text = (index: number) => visibleToken(map.tokens[index].text).replaceAll('·', ' ')
  const middle = fit(text(at), width - 4)
  let left = ''
  let right = ''
  let room = width - cellWidth(middle) - 2
  for (let distance = 1; ; distance++) {
    const before = at - distance >= 0 ? text(at - distance) : ''
    const after = at + distance < map.tokens.length ? text(at + distance) : ''
    room -= cellWidth(before) + cellWidth(after)
    if (room < 0 || (before === '' && after === '')) break
    left = before + left
    right += after
  }
  return `${left}${inverse(middle)}${right}`
}

/** The name of an expert, without the examples after its colon. */
function shortName(map: TokenMap, place: ExpertPlace): string | undefined {
  const name = nameIn(map.atlas, place)
  return name && fit(printable(name).replace(/: .*/, ''), MOST_NAME)
}

function share(score: number, decimals = 3): string {
  return score.toFixed(decimals).replace(/^0/, '')
}

/** The tokens of a map as a text whose words woke experts. Each place has another id, whatever its token. */
export function routedTokens({ tokens }: TokenMap): SpokenTokens {
  return {
    tokens: [...tokens.keys()],
    chosen: (token, layer, kind) => tokens[token].routes[layer][kind],
    model: { textOf: (token) => tokens[token].text },
  }
}
