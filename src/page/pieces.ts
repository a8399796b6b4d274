/** A piece of text and the number of its token, or of the first one if several tokens share it. */
export interface Piece {
  text: string
  token: number
}

/**
 * Cuts streamed text into the pieces of its tokens. Text may come later than its tokens: a character may have several, and
 * text is held back while it may begin a stop string.
 */
export class Pieces {
  private text = ''
  private waiting: { text: string; token: number }[] = []

  /** Adds text and tokens; returns the pieces that are certain. */
  add(text: string, tokens: readonly Piece[]): Piece[] {
    this.text += text
    this.waiting.push(...tokens)
    const joined = this.waiting.map(({ text }) => text).join('')
    if (joined.startsWith(this.text) && joined !== this.text) return []
    return this.end(joined === this.text)
  }

  /** Returns the remaining pieces at the end of the text. */
  end(isWhole = false): Piece[] {
    const { text, waiting } = this
    if (text === '' && !isWhole) return []
    this.text = ''
    this.waiting = []
    if (isWhole) return waiting.filter(({ text }) => text !== '')
    return [{ text, token: waiting[0]?.token ?? -1 }]
  }
}

/**
 * Pieces of a text that a prompt contains, cut at the prompt's tokens. Uses the last occurrence. Undefined if the prompt does
 * not contain the text.
 */
export function piecesOf(text: string, tokens: readonly Piece[]): Piece[] | undefined {
  const from = tokens
    .map(({ text }) => text)
    .join('')
    .lastIndexOf(text)
  if (text === '' || from < 0) return undefined
  let end = 0
  return tokens.flatMap((piece) => {
    const start = end
    end += piece.text.length
    const own = piece.text.slice(Math.max(0, from - start), Math.max(0, from + text.length - start))
    return own === '' ? [] : [{ text: own, token: piece.token }]
  })
}
