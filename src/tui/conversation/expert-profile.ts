import type { Model } from '../../api/model.js'
import { type Atlas, type AtlasToken, nameIn } from '../../experts/atlas.js'
import type { ExpertPlace } from '../../experts/awake.js'
import { wordsOf } from '../../experts/words-of-expert.js'
import { plural } from '../../numbers.js'
import { percent, visibleToken } from '../../pictures/labels.js'
import { quotedWords } from '../../pictures/usage-caption.js'
import { printable } from '../../printable.js'
import { routedTokens } from '../map/routed-tokens.js'
import type { TokenMap } from '../map/token-map.js'

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
    ...preferred('tokens', entry?.tokens),
    ...preferred('kinds of text', entry?.texts),
    inConversation(place, map),
  ].join('\n')
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
