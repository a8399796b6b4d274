import type { AnswerChunk, AnswerPart } from '../requests/api.js'
import { Pieces, type TextPiece } from '../requests/pieces.js'

export interface AnswerPiece extends TextPiece {
  part: AnswerPart
}

/** Divides the texts and tokens of a stream among the parts of the answer. */
export class AnswerParts {
  private readonly thinking = new Pieces()
  private readonly content = new Pieces()
  private last: AnswerPart = 'content'

  /** Part of a chunk's token. A token whose part the server does not name belongs to the text that comes with it. */
  partOf({ thinking, text, calls }: AnswerChunk, kind?: AnswerPart): AnswerPart {
    if (kind) this.last = kind
    else if (calls.length > 0) this.last = 'call'
    else if (text !== '') this.last = 'content'
    else if (thinking !== '') this.last = 'thinking'
    return this.last
  }

  /** Adds a chunk and its tokens; returns the pieces that are certain. */
  add({ thinking, text }: AnswerChunk, tokens: readonly AnswerPiece[]): AnswerPiece[] {
    const of = (wanted: AnswerPart) => tokens.filter(({ part }) => part === wanted)
    return [
      ...inPart('thinking', this.thinking.add(thinking, of('thinking'))),
      ...inPart('content', this.content.add(text, of('content'))),
      // The server sends calls, not the model's notation for them, which is the text of the tokens.
      ...of('call').filter(({ text }) => text !== ''),
    ]
  }

  /** Returns the remaining pieces at the end of the answer. */
  end(): AnswerPiece[] {
    return [...inPart('thinking', this.thinking.end()), ...inPart('content', this.content.end())]
  }
}

function inPart(part: AnswerPart, pieces: readonly TextPiece[]): AnswerPiece[] {
  return pieces.map(({ text, token }) => ({ text, token, part }))
}
