/** A piece of a text, and which of the tokens it belongs to: the first of them where they cannot be told apart. */
export interface Piece {
  text: string
  token: number
}

/**
 * Cuts a text that comes little by little into the pieces of its tokens. Text and tokens do not always come together: a
 * character may have several tokens, and text is held back while it may be the beginning of a stop string.
 */
export class Pieces {
  private text = ''
  private waiting: { text: string; token: number }[] = []

  /** Takes what came, and gives the pieces that are certain. */
  add(text: string, tokens: readonly Piece[]): Piece[] {
    this.text += text
    this.waiting.push(...tokens)
    const joined = this.waiting.map(({ text }) => text).join('')
    if (joined.startsWith(this.text) && joined !== this.text) return []
    return this.end(joined === this.text)
  }

  /** What is left when nothing more comes. */
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
 * The tokens of a prompt that make up a text within it, the last time that it stands there; the pieces join to the text.
 * Undefined where the prompt does not have the text as it is.
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
