import { harmless } from '../../ground/output/cell-width.js'
import { type Delimiter, Delimiters, flanking } from './emphasis.js'
import { entityAt } from './entities.js'
import { ASIDE, CODE, EMPHASIS, type InlineRun, LINK, STRONG, STRUCK } from './inlines.js'
import { autolinkAt, bareAddressAt, targetAt } from './link-syntax.js'
import { SignSearch } from './sign-search.js'

/** Beginnings of inline Markdown. */
const SPECIAL = /[\\`*_~[\]!<&$]|https?:\/\//gi
const TAG = /<\/?[a-z][a-z0-9-]*(?:[\s/][^<>]*)?>/iy
const ESCAPABLE = /[!-/:-@[-`{-~]/
/** Signs around mathematics, which stays as written. */
const MATHS: readonly (readonly [string, string])[] = [
  ['\\(', '\\)'],
  ['\\[', '\\]'],
  ['$$', '$$'],
]
const RANGED = [STRONG, EMPHASIS, STRUCK, LINK] as const

const MAIL = 'mailto:'

/** An opening bracket that may begin a link. */
interface Bracket {
  node: number
  isImage: boolean
  /** Place of the text after it. */
  from: number
  /** The last delimiter before it. */
  delimiter?: Delimiter
}

/**
 * Reads the inline Markdown of a block's text into runs, in time that is linear in the text. CommonMark and GFM, without
 * links by name, which stay text, as HTML and mathematics do. A link's address follows its text.
 */
export function parseInlines(text: string): InlineRun[] {
  return new InlineParser(text).parse()
}

class InlineParser {
  private readonly nodes: InlineRun[] = []
  /** Looks of the nodes from one to before another. */
  private readonly ranges: { from: number; to: number; look: (typeof RANGED)[number] }[] = []
  private readonly delimiters = new Delimiters()
  private readonly brackets: Bracket[] = []
  /** Number of brackets that are around a link: they may begin images only. */
  private closedBrackets = 0
  private readonly search: SignSearch
  private at = 0
  /** Whether the last node takes more text. */
  private isGrowing = false

  constructor(private readonly text: string) {
    this.search = new SignSearch(text)
  }

  parse(): InlineRun[] {
    const { text } = this
    while (this.at < text.length) {
      SPECIAL.lastIndex = this.at
      const next = SPECIAL.exec(text)?.index ?? text.length
      if (next > this.at) this.literal(text.slice(this.at, next))
      this.at = next
      if (next < text.length) this.special()
    }
    this.match(undefined)
    return this.runs()
  }

  private special(): void {
    const { text, at } = this
    switch (text[at]) {
      case '\\':
        return this.backslash()
      case '`':
        return this.code()
      case '*':
      case '_':
      case '~':
        return this.delimiter()
      case '!':
        return text[at + 1] === '[' ? this.bracket('![') : this.literal('!', 1)
      case '[':
        return this.bracket('[')
      case ']':
        return this.endBracket()
      case '<':
        return this.angle()
      case '&':
        return this.entity()
      case '$':
        return this.dollar()
      default:
        return this.bareAddress()
    }
  }

  /** Adds text as written, and moves behind the `length` characters that it replaces. */
  private literal(text: string, length = 0): void {
    this.at += length
    if (this.isGrowing) this.nodes[this.nodes.length - 1].text += text
    else this.node(text, 0)
    this.isGrowing = true
  }

  private node(text: string, looks: number): number {
    this.isGrowing = false
    return this.nodes.push({ text, looks }) - 1
  }

  private backslash(): void {
    const { text, at } = this
    if (this.maths()) return
    const next = text[at + 1] ?? ''
    if (next === '\n') this.at++
    else if (ESCAPABLE.test(next)) this.literal(next, 2)
    else this.literal('\\', 1)
  }

  /** Adds mathematics as written; false if none begins here. */
  private maths(): boolean {
    const { text, at } = this
    const [begin, end] = MATHS.find(([begin]) => text.startsWith(begin, at)) ?? []
    if (begin === undefined || end === undefined) return false
    const close = this.search.next(end, at + begin.length)
    if (close < 0) return false
    this.raw(close + end.length)
    return true
  }

  private dollar(): void {
    const { text, at } = this
    if (this.maths()) return
    const close = this.search.next('$', at + 1)
    // A price is no mathematics: $5 or $10.
    const isMaths =
      close > at + 1 && !/\s/.test(text[at + 1]) && !/[\s\\]/.test(text[close - 1]) && !/\d/.test(text[close + 1] ?? '')
    if (isMaths && !text.slice(at, close).includes('\n')) this.raw(close + 1)
    else this.literal('$', 1)
  }

  /** Adds the text up to `end` as written. */
  private raw(end: number): void {
    this.literal(this.text.slice(this.at, end), end - this.at)
  }

  private code(): void {
    const { text, at, search } = this
    const length = search.ticksAt(at)
    const close = search.closingTicks(length, at + length)
    if (close < 0) return this.raw(at + length)
    const inner = text.slice(at + length, close).replaceAll('\n', ' ')
    const isPadded = inner.startsWith(' ') && inner.endsWith(' ') && inner.trim() !== ''
    this.node(isPadded ? inner.slice(1, -1) : inner, CODE)
    this.at = close + length
  }

  private delimiter(): void {
    const { text, at } = this
    const sign = text[at]
    let end = at + 1
    while (text[end] === sign) end++
    const count = end - at
    if (sign === '~' && count !== 2) return this.raw(end)
    const { opens, closes } = flanking(sign, characterBefore(text, at), characterAt(text, end))
    if (!opens && !closes) return this.raw(end)
    const node = this.node(text.slice(at, end), 0)
    this.delimiters.add({ node, sign, count, length: count, opens, closes })
    this.at = end
  }

  private match(bottom: Delimiter | undefined): void {
    this.delimiters.match(bottom, (opener, closer, used) => {
      const look = opener.sign === '~' ? STRUCK : used === 2 ? STRONG : EMPHASIS
      for (const { node } of [opener, closer]) this.nodes[node].text = this.nodes[node].text.slice(used)
      this.ranges.push({ from: opener.node + 1, to: closer.node, look })
    })
  }

  private bracket(sign: '[' | '!['): void {
    const node = this.node(sign, 0)
    this.at += sign.length
    this.brackets.push({ node, isImage: sign === '![', from: this.at, delimiter: this.delimiters.last })
  }

  private endBracket(): void {
    const { text, at } = this
    const bracket = this.brackets.pop()
    const isClosed = bracket && !bracket.isImage && this.brackets.length < this.closedBrackets
    this.closedBrackets = Math.min(this.closedBrackets, this.brackets.length)
    const target = bracket && !isClosed ? targetAt(text, at + 1) : undefined
    if (!bracket || !target) return this.literal(']', 1)
    const { node, isImage, from, delimiter } = bracket
    this.match(delimiter)
    this.nodes[node].text = ''
    this.ranges.push({ from: node, to: this.nodes.length, look: LINK })
    const { address, title, end } = target
    const shown = text.slice(from, at)
    const isShown = address === shown || address === `${MAIL}${shown}`
    const aside = [...(isShown || address === '' ? [] : [address]), ...(title === '' ? [] : [title])].join(' ')
    if (aside !== '') this.node(` (${aside})`, ASIDE)
    this.at = end
    this.isGrowing = false
    if (!isImage) this.closedBrackets = this.brackets.length
  }

  private angle(): void {
    const { text, at, search } = this
    const address = autolinkAt(text, at)
    if (address !== undefined) {
      this.node(address, LINK)
      this.at += address.length + 2
      return
    }
    const comment = text.startsWith('<!--', at) ? search.next('-->', at + 4) : -1
    if (comment >= 0) return this.raw(comment + 3)
    TAG.lastIndex = at
    const [tag] = TAG.exec(text) ?? ['<']
    this.raw(at + tag.length)
  }

  private entity(): void {
    const { character, length } = entityAt(this.text, this.at) ?? { character: '&', length: 1 }
    this.literal(harmless(character).replace('\n', ' '), length)
  }

  private bareAddress(): void {
    // In a word, no address begins: each would be read to its end.
    const isInWord = /\w/.test(this.text[this.at - 1] ?? '')
    const address = isInWord ? undefined : bareAddressAt(this.text, this.at)
    if (address === undefined) return this.literal(this.text[this.at], 1)
    this.node(address, LINK)
    this.at += address.length
  }

  /** The nodes with the looks of their ranges; neighbours with the same looks become one, apart from code. */
  private runs(): InlineRun[] {
    const { nodes } = this
    const begun = RANGED.map((look) => {
      const changes = new Int32Array(nodes.length + 1)
      for (const range of this.ranges) {
        if (range.look !== look) continue
        changes[range.from]++
        changes[range.to]--
      }
      return { look, changes, count: 0 }
    })
    const runs: InlineRun[] = []
    for (const [i, node] of nodes.entries()) {
      let { looks } = node
      for (const range of begun) {
        range.count += range.changes[i]
        if (range.count > 0) looks |= range.look
      }
      const last = runs.at(-1)
      if (node.text === '') continue
      if (last && last.looks === looks && !(looks & CODE)) last.text += node.text
      else runs.push({ text: node.text, looks })
    }
    return runs
  }
}

function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at)
  return code === undefined ? '' : String.fromCodePoint(code)
}

function characterBefore(text: string, at: number): string {
  const last = text[at - 1] ?? ''
  return /[\udc00-\udfff]/.test(last) ? text.slice(at - 2, at) : last
}
