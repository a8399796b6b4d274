import type { AddedToken } from './added-tokens.js'

/** A part of a text: an added token, or the text between two. */
export interface Section {
  text: string
  token?: AddedToken
}

/** A node of the trie: one character of the tokens, and the characters that may follow. */
interface Node {
  next: Map<string, Node>
  token?: AddedToken
}

const [WORD_AT_START, WORD_AT_END] = [
  /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u,
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u,
]
const BLANK = /\p{White_Space}/u

/**
 * Finds added tokens in a text: the leftmost first, and the longest of several that begin there. A token that must be a
 * single word does not match inside a word. A token that strips blanks includes the blanks around it.
 */
export class AddedTokenFinder {
  private readonly root: Node = { next: new Map() }
  /** First characters of the tokens. */
  private readonly first: RegExp

  /** `contentOf` returns a token's form in the texts to search. */
  constructor(tokens: readonly AddedToken[], contentOf: (token: AddedToken) => string) {
    for (const token of tokens) {
      let node = this.root
      for (const character of contentOf(token).split('')) {
        const following = node.next.get(character) ?? { next: new Map() }
        node.next.set(character, following)
        node = following
      }
      if (node !== this.root) node.token = token
    }
    const codes = [...this.root.next.keys()].map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
    this.first = new RegExp(codes.length === 0 ? '$^' : `[${codes.map((code) => `\\u${code}`).join('')}]`, 'g')
  }

  /** The sections of a text in order. No section is empty. */
  *split(text: string): Generator<Section> {
    let end = 0
    for (let at = this.nextBeginning(text, 0); at < text.length; ) {
      const found = this.longestAt(text, at)
      if (!found) {
        at = this.nextBeginning(text, at + 1)
        continue
      }
      const { token, length } = found
      const stop = at + length
      if (!token.single_word || isWord(text, at, stop)) {
        const from = token.lstrip ? Math.max(end, blanksBefore(text, at)) : at
        if (from > end) yield { text: text.slice(end, from) }
        yield { text: text.slice(from, stop), token }
        end = token.rstrip ? blanksAfter(text, stop) : stop
      }
      at = this.nextBeginning(text, stop)
    }
    if (end < text.length) yield { text: text.slice(end) }
  }

  /** Each place of a text at which a token begins, within another token too, and the longest token there. */
  *beginnings(text: string): Generator<{ at: number; token: AddedToken }> {
    for (let at = this.nextBeginning(text, 0); at < text.length; at = this.nextBeginning(text, at + 1)) {
      const found = this.longestAt(text, at)
      if (found) yield { at, token: found.token }
    }
  }

  private nextBeginning(text: string, from: number): number {
    this.first.lastIndex = from
    return this.first.exec(text)?.index ?? text.length
  }

  private longestAt(text: string, from: number): { token: AddedToken; length: number } | undefined {
    let node = this.root.next.get(text[from])
    let found: { token: AddedToken; length: number } | undefined
    for (let at = from + 1; node; node = node.next.get(text[at++])) {
      if (node.token) found = { token: node.token, length: at - from }
      if (at >= text.length) break
    }
    return found
  }
}

function isWord(text: string, from: number, to: number): boolean {
  // A character may have two UTF-16 units.
  return !WORD_AT_END.test(text.slice(Math.max(0, from - 2), from)) && !WORD_AT_START.test(text.slice(to, to + 2))
}

function blanksBefore(text: string, at: number): number {
  while (at > 0 && BLANK.test(text[at - 1])) at--
  return at
}

function blanksAfter(text: string, at: number): number {
  while (at < text.length && BLANK.test(text[at])) at++
  return at
}
