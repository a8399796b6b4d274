/** Characters of HTML by their names, as answers of models have them. Other names stay text. */
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  laquo: '«',
  raquo: '»',
  bull: '•',
  middot: '·',
  deg: '°',
  times: '×',
  divide: '÷',
  plusmn: '±',
  frac12: '½',
  euro: '€',
  pound: '£',
  sect: '§',
  larr: '←',
  rarr: '→',
  uarr: '↑',
  darr: '↓',
  le: '≤',
  ge: '≥',
  ne: '≠',
}

const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,9}));/iy

/** Reads the entity at a place of a text, with its length. The character may be one that steers a terminal. */
export function entityAt(text: string, at: number): { character: string; length: number } | undefined {
  ENTITY.lastIndex = at
  const [all, decimal, hex, name] = ENTITY.exec(text) ?? []
  if (all === undefined) return undefined
  const character = name === undefined ? ofCode(decimal, hex) : Object.hasOwn(NAMED, name) ? NAMED[name] : undefined
  return character === undefined ? undefined : { character, length: all.length }
}

function ofCode(decimal: string | undefined, hex: string): string {
  const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
  const isCharacter = code > 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000)
  return isCharacter ? String.fromCodePoint(code) : '\u{fffd}'
}
