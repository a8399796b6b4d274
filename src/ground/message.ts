/*
 * Messages as data. A message names the options of the library, and each interface has its own names for these:
 * `maxTokens`, --max-tokens, "max_tokens". So a message keeps its names apart from its text until it is shown.
 */

/** An option of the library, or a keyword of a schema or grammar, which has one name everywhere. */
export type Name = { option: string } | { keyword: string }

/** A message in parts. It is plain data, which threads can send. */
export type Phrase = readonly (string | Name)[]

export type Message = string | Phrase

export const option = (name: string): Name => ({ option: name })
export const keyword = (name: string): Name => ({ keyword: name })

/** Piece of a phrase. An error gives its own message. */
type Piece = Message | Name | number | { readonly phrase: Phrase }

/** Tag of a template: phrase`${option('topK')} must be a number`. */
export function phrase(texts: readonly string[], ...pieces: Piece[]): Phrase {
  return texts.flatMap((text, i) => (i < pieces.length ? [text, ...partsOf(pieces[i])] : [text]))
}

/** The parts with `separator` between them. */
export function joinNames(names: readonly Name[], separator: string): Phrase {
  return names.flatMap((name, i) => (i > 0 ? [separator, name] : [name]))
}

/**
 * The text of a message. `nameOf` has an interface's own names of options; those without one, and keywords, are in
 * `quote`.
 */
export function messageText(message: Message, nameOf?: (option: string) => string | undefined, quote = '`'): string {
  if (typeof message === 'string') return message
  const shown = (part: string | Name) => {
    if (typeof part === 'string') return part
    if ('keyword' in part) return quote + part.keyword + quote
    return nameOf?.(part.option) ?? quote + part.option + quote
  }
  return message.map(shown).join('')
}

function partsOf(piece: Piece): Phrase {
  if (typeof piece === 'string' || typeof piece === 'number') return [String(piece)]
  if ('phrase' in piece) return piece.phrase
  return 'option' in piece || 'keyword' in piece ? [piece] : piece
}
