import type { Model } from '../../../api/model.js'
import { plural } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { type Atlas, type AtlasEntry, type AtlasToken, nameIn } from '../../../insight/atlas/atlas.js'
import { wordsOf } from '../../../insight/atlas/words-of-expert.js'
import { percent, visibleToken } from '../../../insight/pictures/blocks/labels.js'
import { shareOfLabel } from '../../../insight/pictures/kinds/atlas-figure.js'
import { quotedWords } from '../../../insight/pictures/kinds/usage-caption.js'
import type { ExpertPlace } from '../../../insight/usage/awake.js'
import type { ExpertUsage, LayerUsage } from '../../../insight/usage/usage.js'
import { routedTokens } from '../../map/token-details.js'
import type { TokenMap } from '../../map/token-map.js'

/** Describes the texts that the names of experts come from. */
export function describeAtlas(atlas: Atlas | undefined, { name }: Pick<Model, 'name'>): string {
  if (!atlas) {
    return (
      `the experts of ${name} have no names: molm experts --atlas TEXT... -o FILE makes them from texts, ` +
      'molm chat --atlas FILE shows them'
    )
  }
  const tokens = atlas.texts.reduce((sum, text) => sum + text.tokens, 0)
  return [
    `names of experts from ${count(tokens)} tokens of ${plural(atlas.texts.length, 'kind')} of text:`,
    ...atlas.texts.map((text) => `  ${printable(text.name)}: ${count(text.tokens)} tokens`),
    `half of each text named ${plural(atlas.named, 'expert')}; the other half confirmed ${count(atlas.confirmed)} of them`,
  ].join('\n')
}

/** Describes an expert: its name and preferences by the atlas, and its work in the conversation. */
export function describeExpert(place: ExpertPlace, map: TokenMap): string {
  const { kind, layer, expert } = place
  const name = nameIn(map.atlas, place)
  const entry = map.atlas?.entries[kind]?.[layer]?.[expert]
  const marks = [
    ...(map.isMasked(kind, layer, expert) ? ['switched off'] : []),
    ...(map.isAlways(kind, layer, expert) ? ['used by every token'] : []),
  ]
  const called = name === undefined ? (map.atlas ? 'no confirmed name' : 'no names: see /atlas') : printable(name)
  return [
    `layer ${layer} ${kind} expert ${expert}: ${[called, ...marks].join(', ')}`,
    ...(entry ? [`chosen by ${percent(entry.share)} of the atlas's tokens`] : []),
    ...labelled(entry?.labels),
    ...preferred('tokens', entry?.tokens),
    ...preferred('kinds of text', entry?.texts),
    inConversation(place, map),
  ].join('\n')
}

function labelled(labels: AtlasEntry['labels'] = []): string[] {
  if (labels.length === 0) return []
  return [`labels, with the share of its tokens that each adds: ${labels.map(shareOfLabel).join('  ')}`]
}

function preferred(what: string, tokens: readonly AtlasToken[] = []): string[] {
  if (tokens.length === 0) return []
  const listed = tokens.map(({ text, lift }) => `"${visibleToken(text)}" ${lift.toFixed(1)}`)
  return [`${what}, times as often as usual: ${listed.join('  ')}`]
}

function inConversation({ kind, layer, expert }: ExpertPlace, map: TokenMap): string {
  const chosen = map.usage.of(kind, layer).counts[expert]
  if (map.usage.tokens === 0) return 'there is no answer yet'
  const share = `chosen by ${count(chosen)} of the answers' ${plural(map.usage.tokens, 'token')} here`
  const words = wordsOf(routedTokens(map), { kind, layer, expert })
  return words.length === 0 ? share : `${share}; words of the conversation that woke it: ${quotedWords(words)}`
}

function count(number: number): string {
  return number.toLocaleString('en-US')
}

const NAMED = 4

/** Usage as a table, by layer and kind: the most used experts with their shares, entropy, fairness; then `notes`. */
export function usageSummary(usage: ExpertUsage, notes: readonly string[] = []): string {
  if (usage.mixtures.length === 0) return 'the model has no experts'
  if (usage.tokens === 0) return 'there is no answer yet'
  const wide = Math.max(...usage.mixtures.map(({ kind }) => kind.length))
  const rows = Array.from({ length: usage.layers }, (_, layer) =>
    usage.mixtures.map(({ kind, layers }) => {
      const label = `${String(layer).padStart(5)}  ${kind.padEnd(wide)}`
      return `${label}  ${describe(layers[layer], usage.tokens)}`
    }),
  ).flat()
  const named = 'most chosen, by share of the tokens'.padEnd(NAMED * CELL)
  const head = [
    `experts chosen by the answers' ${usage.tokens} tokens`,
    `layer  ${''.padEnd(wide)}  ${named}  bits  fairness`,
  ]
  return [...head, ...rows, ...notes].join('\n')
}

const CELL = 11

function describe(layer: LayerUsage, tokens: number): string {
  if (layer.experts === 0) return 'dense'
  const named = Array.from(layer.counts, (count, expert) => ({ count, expert }))
    .sort((a, b) => b.count - a.count)
    .slice(0, NAMED)
    .map(({ count, expert }) => {
      const share = `${Math.round((100 * count) / tokens)} %`
      return `${`e${expert}`.padEnd(4)} ${share.padStart(5)} `.padEnd(CELL)
    })
  return `${named.join('').padEnd(NAMED * CELL)}  ${layer.entropy.toFixed(2)}  ${layer.fairness.toFixed(2)}`
}
