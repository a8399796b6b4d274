/** Classes of tokens that a name may give, in order of precedence. Tokens of other classes are `words`. */
export const CLASSES = [
  'line breaks',
  'blanks',
  'digits',
  'punctuation',
  'capitals',
  'function words',
  'word parts',
  'words',
] as const
export type TokenClass = (typeof CLASSES)[number]

/** English words that join others and say little alone. */
const FUNCTION_WORDS = new Set(
  `a an the this that these those of to in on at by for with from into unto upon as than and or but nor if so then not no
  it its he him his she her hers they them their we us our you your ye i me my who whom whose which what when there here
  is am are was were be been being has have had do does did will would shall should may might can could must all any some
  such each every`.split(/\s+/),
)

const LONGEST = 12

export function classOf(text: string): TokenClass {
  const word = text.trim()
  if (word === '') return /[\n\r]/.test(text) ? 'line breaks' : 'blanks'
  if (/^\p{N}+$/u.test(word)) return 'digits'
  if (!/[\p{L}\p{N}]/u.test(word)) return 'punctuation'
  if (/^\p{Lu}/u.test(word)) return 'capitals'
  if (FUNCTION_WORDS.has(word)) return 'function words'
  return text.startsWith(word) && /^\p{Ll}/u.test(word) ? 'word parts' : 'words'
}

/** A token's text for a name: short, on one line, with signs for line breaks, tabs and blanks. */
export function wordLabel(word: string): string {
  const line = word
    .replace(/\r/g, '␍')
    .replace(/\n/g, '⏎')
    .replace(/\t/g, '⇥')
    .replace(/^ +| +$/g, (s) => '·'.repeat(s.length))
  const characters = [...line]
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join('')}…` : line
}
