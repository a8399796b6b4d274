import { type DelimiterType, InlineContext, type MarkdownConfig } from '@lezer/markdown'

const BLANK = /^\s?$/u
const PUNCTUATION = /^[\p{P}\p{S}]$/u
/** Scripts without blanks between words: there, letters beside a sign say nothing about it. */
const UNSPACED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}]$/u

const TYPES: Readonly<Record<string, DelimiterType>> = {
  '*': InlineContext.emphasisAsterisk,
  _: InlineContext.emphasisUnderscore,
  '~': { resolve: 'Strikethrough', mark: 'StrikethroughMark' },
}

/**
 * Emphasis and strikethrough (CommonMark 0.31.2, 6.2). Chinese, Japanese, Korean and Thai letters count as blanks do if a
 * punctuation mark is at the other side of the signs: `**「名」**は`.
 */
export const Emphasis: MarkdownConfig = {
  defineNodes: ['Strikethrough', 'StrikethroughMark'],
  parseInline: [
    {
      name: 'Emphasis',
      parse(cx, next, at) {
        const sign = String.fromCharCode(next)
        if (!Object.hasOwn(TYPES, sign)) return -1
        let end = at + 1
        while (cx.char(end) === next) end++
        if (sign === '~' && end - at !== 2) return end
        const { opens, closes } = flanking(sign, ...charactersAround(cx, at, end))
        return cx.addDelimiter(TYPES[sign], at, end, opens, closes)
      },
    },
  ],
}

function charactersAround({ text, offset }: InlineContext, from: number, to: number): [before: string, after: string] {
  // A character may be a pair of units.
  const before = Array.from(text.slice(Math.max(0, from - offset - 2), from - offset)).at(-1)
  return [before ?? '', Array.from(text.slice(to - offset, to - offset + 2))[0] ?? '']
}

/** Says whether signs between two characters may open or close emphasis. */
function flanking(sign: string, before: string, after: string): { opens: boolean; closes: boolean } {
  const [blankBefore, blankAfter] = [BLANK.test(before), BLANK.test(after)]
  const [markBefore, markAfter] = [PUNCTUATION.test(before), PUNCTUATION.test(after)]
  const left = !blankAfter && (!markAfter || blankBefore || markBefore || UNSPACED.test(before))
  const right = !blankBefore && (!markBefore || blankAfter || markAfter || UNSPACED.test(after))
  if (sign !== '_') return { opens: left, closes: right }
  return { opens: left && (!right || markBefore), closes: right && (!left || markAfter) }
}
