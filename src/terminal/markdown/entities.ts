import { harmless } from '../../ground/output/cell-width.js'

/** Characters of HTML behind their names, as answers of models have them. Other names stay text. */
const NAMED = new Map(
  `amp & lt < gt > quot " apos ' nbsp \u00a0 copy © reg ® trade ™ hellip … ndash – mdash — lsquo ‘ rsquo ’ ldquo “ rdquo ”
laquo « raquo » bull • middot · deg ° times × divide ÷ plusmn ± frac12 ½ euro € pound £ sect § larr ← rarr → uarr ↑
darr ↓ le ≤ ge ≥ ne ≠`
    .split(/[ \n](?=[a-z])/)
    .map((pair): [string, string] => [pair.slice(0, -2), pair.slice(-1)]),
)

/** The character of an entity such as `&amp;` or `&#38;`, safe to print; an unknown entity as written. */
export function characterOf(entity: string): string {
  const [, base, digits = ''] = /^&#(x?)(\w+);$/i.exec(entity) ?? []
  if (base === undefined) return NAMED.get(entity.slice(1, -1)) ?? entity
  const code = Number.parseInt(digits, base === '' ? 10 : 16)
  const isCharacter = code > 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000)
  return isCharacter ? harmless(String.fromCodePoint(code)).replace('\n', ' ') : '\u{fffd}'
}
