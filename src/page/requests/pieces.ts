/** A piece of text and the number of its token, or of the first one if several tokens share it. */
export interface TextPiece {
  text: string
  token: number
}

/**
 * Cuts streamed text into the pieces of its tokens. Text may come later than its tokens: a character may have several, and
 * text is held back while it may begin a stop string. Some tokens have no text: special ones, and blanks around an answer.
 */
export class Pieces {
  private text = ''
  private waiting: TextPiece[] = []

  /** Adds text and tokens; returns the pieces that are certain. */
  add(text: string, tokens: readonly TextPiece[]): TextPiece[] {
    this.text += text
    this.waiting.push(...tokens)
    const { waiting } = this
    if (this.text === '' && waiting.some(({ text }) => text !== '')) return []
    const joined = joinedText(waiting)
    if (joined === this.text) return this.end(true)
    if (joined.startsWith(this.text)) return []
    const from = joined.lastIndexOf(this.text)
    if (from < 0) return this.end()
    const end = from + this.text.length
    const pieces = cut(waiting, from, end)
    this.text = ''
    this.waiting = cut(waiting, end, joined.length)
    return pieces
  }

  /** Returns the remaining pieces at the end of the text. */
  end(isWhole = false): TextPiece[] {
    const { text, waiting } = this
    if (text === '' && !isWhole) return []
    this.text = ''
    this.waiting = []
    if (isWhole) return waiting.filter(({ text }) => text !== '')
    return [{ text, token: waiting[0]?.token ?? -1 }]
  }
}

/**
 * Pieces of a text that a prompt contains, perhaps without blanks around it, cut at the prompt's tokens. Uses the last
 * occurrence. Undefined if the prompt does not contain the text.
 */
export function piecesOf(text: string, tokens: readonly TextPiece[]): TextPiece[] | undefined {
  const prompt = joinedText(tokens)
  const own = [text, text.trim()].find((wanted) => wanted !== '' && prompt.includes(wanted))
  if (own === undefined) return undefined
  const from = prompt.lastIndexOf(own)
  return cut(tokens, from, from + own.length)
}

function joinedText(pieces: readonly TextPiece[]): string {
  return pieces.map(({ text }) => text).join('')
}

/** The part of joined pieces between two places in their text. */
function cut(pieces: readonly TextPiece[], from: number, to: number): TextPiece[] {
  let end = 0
  return pieces.flatMap(({ text, token }) => {
    const start = end
    end += text.length
    const own = text.slice(Math.max(0, from - start), Math.max(0, to - start))
    return own === '' ? [] : [{ text: own, token }]
  })
}
