export interface ComparedPart {
  text: string
  differs: boolean
}

export interface WordChanges {
  /** Parts of each text, in order. Joined they are the text. */
  before: ComparedPart[]
  after: ComparedPart[]
  words: number
  /** Number of words of the longer text that the other text lacks, in this order. */
  changed: number
}

/** Maximum words of one text times words of the other to compare. Of longer texts, all between the equal ends differs. */
const MOST_PAIRS = 2 ** 24

/**
 * Compares two texts word by word. Both have the words of their longest common subsequence; the others differ. A word is
 * a run of characters without blanks, and each Chinese or Japanese character. Blanks are not compared.
 *
 * @example
 * wordChanges('a red lamp', 'a blue lamp').changed   // 1, of 3 words
 */
export function wordChanges(before: string, after: string): WordChanges {
  const [from, to] = [wordsOf(before), wordsOf(after)]
  const pairs = commonWords(from.words, to.words)
  const words = Math.max(from.words.length, to.words.length)
  return {
    before: partsOf(from, new Set(pairs.map(([index]) => index))),
    after: partsOf(to, new Set(pairs.map(([, index]) => index))),
    words,
    changed: words - pairs.length,
  }
}

/** Describes a comparison: `7 of 41 words differ`. */
export function changesSentence({ words, changed }: Pick<WordChanges, 'words' | 'changed'>): string {
  if (changed === 0) return words === 1 ? 'the one word is the same' : `all ${words} words are the same`
  return `${changed} of ${words} ${words === 1 ? 'word' : 'words'} ${changed === 1 ? 'differs' : 'differ'}`
}

/** The words of a text, and the blanks before the first, between two, and after the last. */
interface Words {
  words: string[]
  blanks: string[]
}

const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu

function wordsOf(text: string): Words {
  const words: string[] = []
  const blanks: string[] = []
  let end = 0
  for (const { 0: word, index } of text.matchAll(WORD)) {
    words.push(word)
    blanks.push(text.slice(end, index))
    end = index + word.length
  }
  return { words, blanks: [...blanks, text.slice(end)] }
}

/** Pairs of indices of equal words, rising in both. */
function commonWords(from: readonly string[], to: readonly string[]): [number, number][] {
  const most = Math.min(from.length, to.length)
  let start = 0
  while (start < most && from[start] === to[start]) start++
  let end = 0
  while (end < most - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end++
  const inner = longestCommon(from.slice(start, from.length - end), to.slice(start, to.length - end))
  return [
    ...Array.from({ length: start }, (_, i): [number, number] => [i, i]),
    ...inner.map(([i, j]): [number, number] => [start + i, start + j]),
    ...Array.from({ length: end }, (_, i): [number, number] => [from.length - end + i, to.length - end + i]),
  ]
}

/** The longest common subsequence, by dynamic programming over suffixes. */
function longestCommon(from: readonly string[], to: readonly string[]): [number, number][] {
  const [rows, columns] = [from.length, to.length]
  if (rows === 0 || columns === 0 || rows * columns > MOST_PAIRS) return []
  const width = columns + 1
  const lengths = new Uint16Array((rows + 1) * width)
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      const at = i * width + j
      lengths[at] = from[i] === to[j] ? lengths[at + width + 1] + 1 : Math.max(lengths[at + width], lengths[at + 1])
    }
  }
  const pairs: [number, number][] = []
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (from[i] === to[j]) pairs.push([i++, j++])
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++
    else j++
  }
  return pairs
}

/** Joins words to parts. Blanks differ if the words at both sides do. */
function partsOf({ words, blanks }: Words, common: ReadonlySet<number>): ComparedPart[] {
  const parts: ComparedPart[] = []
  const add = (text: string, differs: boolean) => {
    const last = parts.at(-1)
    if (last?.differs === differs) last.text += text
    else if (text !== '') parts.push({ text, differs })
  }
  for (const [i, word] of words.entries()) {
    const differs = !common.has(i)
    add(blanks[i], differs && i > 0 && !common.has(i - 1))
    add(word, differs)
  }
  add(blanks[words.length], false)
  return parts
}

/** Longest part of an answer that is quoted, in characters. */
const QUOTED = 60

/** An answer, or its beginning. */
export function quoted(text: string): string {
  return `“${text.length > QUOTED ? `${text.slice(0, QUOTED).trimEnd()}…` : text}”`
}

/** Names a change by its first words: `“hot” for “cold”`, `“very” is added`; `the same words` if there is none. */
export function changeInWords(answer: string, without: string): string {
  if (answer === without) return 'the same words'
  const { before, after } = wordChanges(answer, without)
  const first = (parts: typeof before) => {
    const text = (parts.find(({ differs }) => differs)?.text ?? '').trim().replace(/[.,;:!?]+$/, '')
    return text && quoted(text)
  }
  const [lost, gained] = [first(before), first(after)]
  if (lost && gained) return `${gained} for ${lost}`
  return lost ? `${lost} is missing` : `${gained} is added`
}
