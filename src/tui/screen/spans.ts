import { type ColourDepth, highlight } from '../../terminal/colours.js'
import { styled } from '../../terminal/style.js'
import { wrap } from '../../terminal/wrap.js'
import type { ItemSpan } from '../conversation/items.js'

/** Signs around words that differ, for terminals without styles. */
const SIGNS = ['[', ']'] as const

/** Wraps a text whose parts have looks of their own. Without colours, words that differ are in brackets. */
export function spanLines(spans: readonly ItemSpan[], width: number, depth: ColourDepth): string[] {
  const shown = depth === 'none' ? spans.map(withSigns) : spans
  const lines = wrap(shown.map(({ text }) => text).join(''), width)
  if (depth === 'none') return lines
  const characters = shown.flatMap((span) => Array.from(span.text, (character) => ({ character, span })))
  let next = 0
  return lines.map((line) => {
    let drawn = ''
    let run = ''
    let look: ItemSpan | undefined
    const close = () => {
      if (look) drawn += drawSpan(run, look, depth)
      run = ''
    }
    for (const character of line) {
      // Wrapping drops blanks and line breaks only.
      while (characters[next].character !== character) next++
      const { span } = characters[next++]
      if (span !== look) close()
      look = span
      run += character
    }
    close()
    return drawn
  })
}

/** A part whose words differ, with signs in place of a style. */
export function withSigns(span: ItemSpan): ItemSpan {
  if (!span.differs) return span
  const [, before, words, after] = /^(\s*)([\s\S]*?)(\s*)$/.exec(span.text) ?? []
  return { ...span, text: `${before}${SIGNS[0]}${words}${SIGNS[1]}${after}` }
}

function drawSpan(text: string, { isDim, differs, highlight: colours }: ItemSpan, depth: ColourDepth): string {
  if (colours) return highlight(text, colours.behind, colours.ink, depth)
  if (differs) return styled(text, 'marked', depth)
  return isDim ? styled(text, 'dim', depth) : text
}
