import { isObject } from '../../../ground/json/json.js'

/*
 * Texts of servers reach the model, which reads invisible characters, too: a description could hide orders in them.
 * Characters that show nothing are removed, unless what is before them gives them a job.
 */

/** Halves of a pair are among them: they must not become a character when what is between them has gone. */
const UNSEEN = '[\\p{DI}\\p{Cs}\\ufff9-\\ufffb]'

/** Scripts whose letters are joined or kept apart by U+200C and U+200D. */
const JOINING = [
  ...['Adlm', 'Arab', 'Mand', 'Mong', 'Nkoo', 'Phag', 'Rohg', 'Syrc', 'Bali', 'Beng', 'Cakm', 'Deva', 'Gujr', 'Guru'],
  ...['Java', 'Khmr', 'Knda', 'Mlym', 'Mymr', 'Newa', 'Orya', 'Sinh', 'Taml', 'Telu', 'Tibt'],
]
  .map((script) => `\\p{scx=${script}}`)
  .join('')

/** Flags of England, Scotland and Wales, the only emoji with tags that Unicode recommends. */
const FLAGS = ['gbeng', 'gbsct', 'gbwls'].map((region) => {
  const tags = [...region].map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0)))
  return `\u{1f3f4}${tags.join('')}\u{e007f}`
})

const USED = [
  // Emoji of several others, such as a family.
  '(?<=\\p{Extended_Pictographic}[\\ufe0f\\u{1f3fb}-\\u{1f3ff}]?)\\u200d(?=\\p{Extended_Pictographic})',
  `(?<=[${JOINING}])[\\u200c\\u200d]`,
  // Variants of emoji and of letters.
  '(?<=[\\p{Emoji}\\p{S}\\p{sc=Han}\\p{sc=Mymr}\\p{sc=Phag}])[\\ufe00-\\ufe0f]',
  '(?<=\\p{sc=Han})[\\u{e0100}-\\u{e01ef}]',
  '(?<=\\p{sc=Mong})[\\u180b-\\u180f]',
]

const USED_OR_UNSEEN = new RegExp(`(${FLAGS.join('|')}|(?=${UNSEEN})(?:${USED.join('|')}))|${UNSEEN}+`, 'gu')

/** A text of a server without invisible characters, except what letters and emoji need. */
export function visibleText(text: string): string {
  return text.replace(USED_OR_UNSEEN, '$1')
}

export function visibleJson(value: unknown): unknown {
  if (typeof value === 'string') return visibleText(value)
  if (Array.isArray(value)) return value.map(visibleJson)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [visibleText(key), visibleJson(part)]))
}
