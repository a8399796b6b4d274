import { AddedTokenFinder } from './added-token-finder.js'
import type { AddedToken } from './added-tokens.js'

/** Breaks a reserved token that is only text: a noncharacter, free for programs. */
export const MARK = '\ufdd0'
/** Another noncharacter, in reserved tokens that the template has written. */
const SEAL = '\ufdd1'
/** A text's own noncharacters get a mark behind them. */
const OWN = /[\ufdd0\ufdd1]/g
const MARKS = /([\ufdd0\ufdd1])\ufdd0|[\ufdd0\ufdd1]/g
/** A part of a token that could complete another text's: letters alone are too frequent, and complete none. */
const SIGN = /[^\p{L}\p{N}\s_]/u

/** Writes texts that never become reserved tokens, alone or together with the texts beside them. */
export class LiteralText {
  private readonly finder: AddedTokenFinder
  private readonly contents: readonly string[]
  private readonly longest: number
  private ends?: { prefixes: ReadonlySet<string>; suffixes: ReadonlySet<string> }

  constructor(reserved: readonly AddedToken[]) {
    this.finder = new AddedTokenFinder(reserved, ({ content }) => content)
    this.contents = reserved.map(({ content }) => content)
    this.longest = Math.max(0, ...this.contents.map(({ length }) => length))
  }

  /** The text with marks. `kept` are tokens that stay as they are. */
  write(text: string, kept?: ReadonlySet<string>): string {
    const own = hasMarks(text) ? text.replace(OWN, `$&${MARK}`) : text
    return this.markEnds(this.markTokens(own, kept))
  }

  private markTokens(text: string, kept?: ReadonlySet<string>): string {
    let marked = ''
    let end = 0
    for (const { at, token } of this.finder.beginnings(text)) {
      if (kept?.has(token.content)) continue
      const behind = at + ((text.codePointAt(at) as number) > 0xffff ? 2 : 1)
      marked += text.slice(end, behind) + MARK
      end = behind
    }
    return end === 0 ? text : marked + text.slice(end)
  }

  /** Marks a part of a token at an end of the text, which the text beside it could complete. */
  private markEnds(text: string): string {
    const inner = text.trim()
    if (!SIGN.test(inner.slice(0, this.longest)) && !SIGN.test(inner.slice(-this.longest))) return text
    const from = text.indexOf(inner)
    const to = from + inner.length
    const { prefixes, suffixes } = this.partsOfTokens()
    let begins = this.contents.some((content) => content.length > inner.length && content.includes(inner))
    let ends = begins
    for (let length = 1; length < this.longest && length <= inner.length; length++) {
      begins ||= suffixes.has(inner.slice(0, length))
      ends ||= prefixes.has(inner.slice(-length))
    }
    return text.slice(0, from) + (begins ? MARK : '') + inner + (ends ? MARK : '') + text.slice(to)
  }

  private partsOfTokens() {
    if (!this.ends) {
      const [prefixes, suffixes] = [new Set<string>(), new Set<string>()]
      for (const content of this.contents) {
        for (let at = 1; at < content.length; at++) {
          if (SIGN.test(content.slice(0, at))) prefixes.add(content.slice(0, at))
          if (SIGN.test(content.slice(at))) suffixes.add(content.slice(at))
        }
      }
      this.ends = { prefixes, suffixes }
    }
    return this.ends
  }
}

/** The token with a seal in it, which no text of others has. */
export function sealed(token: string): string {
  return token.replace(/./su, `$&${SEAL}`)
}

/** The text without marks and seals, but for its own. */
export function withoutMarks(text: string): string {
  return hasMarks(text) ? text.replace(MARKS, '$1') : text
}

function hasMarks(text: string): boolean {
  return text.includes(MARK) || text.includes(SEAL)
}
