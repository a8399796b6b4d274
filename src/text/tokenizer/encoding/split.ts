/** A piece of a text: a match of a pattern, or the text between two matches. */
export interface Found {
  text: string
  isMatch: boolean
}

/** Treatments of the matches when a pattern splits a text. */
export const SPLIT_BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number]

/** The whole text as matches and the text between them. The pattern needs the flags g and u. */
export function* findPieces(text: string, pattern: RegExp): Generator<Found> {
  let end = 0
  let hasMatch = false
  for (const match of text.matchAll(pattern)) {
    const length = match[0].length
    // Skip an empty match right after the previous one.
    if (length === 0 && hasMatch && match.index === end) continue
    if (match.index > end) yield { text: text.slice(end, match.index), isMatch: false }
    yield { text: match[0], isMatch: true }
    end = match.index + length
    hasMatch = true
  }
  if (end < text.length) yield { text: text.slice(end), isMatch: false }
}

/** Splits a text as the pre-tokenizer of that name does. No piece is empty. */
export function* splitText(text: string, pattern: RegExp, behavior: SplitBehavior, invert: boolean): Generator<string> {
  let piece = ''
  let wasMatch = false
  for (const found of findPieces(text, pattern)) {
    const isMatch = found.isMatch !== invert
    if (behavior === 'Removed' || behavior === 'Isolated') {
      if (found.text !== '' && !(isMatch && behavior === 'Removed')) yield found.text
      continue
    }
    if (!joins(behavior, isMatch, wasMatch) && piece !== '') {
      yield piece
      piece = ''
    }
    piece += found.text
    wasMatch = isMatch
  }
  if (piece !== '') yield piece
}

/** Whether a piece joins the one before it. */
function joins(behavior: SplitBehavior, isMatch: boolean, wasMatch: boolean): boolean {
  if (behavior === 'Contiguous') return isMatch === wasMatch
  if (behavior === 'MergedWithPrevious') return isMatch && !wasMatch
  return !isMatch && wasMatch
}
