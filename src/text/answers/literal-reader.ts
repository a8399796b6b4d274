export interface Dialect {
  /** Pairs of texts around strings, in addition to the usual quotes. */
  delimiters?: readonly (readonly [open: string, close: string])[]
  /** Keys may be bare words. */
  hasBareKeys?: boolean
  /** Strings may have single quotes, triple quotes and line breaks; True, False and None are words; tuples are lists. */
  isPython?: boolean
  /** A quote ends a string only before a comma, a closer or a colon: some chat templates write quotes without escapes. */
  hasLooseQuotes?: boolean
}

/** Deepest nesting of values. */
const MOST_DEPTH = 128

const WORDS: Record<string, unknown> = { true: true, false: false, null: null }
const PYTHON_WORDS: Record<string, unknown> = { ...WORDS, True: true, False: false, None: null }
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', a: '\x07', '\n': '' }

/** Reads literals from a text, one after the other. All methods throw an Error if the text has something else. */
export class LiteralReader {
  private at = 0
  private depth = 0
  private readonly words: Record<string, unknown>

  constructor(
    private readonly text: string,
    private readonly dialect: Dialect,
  ) {
    this.words = dialect.isPython ? PYTHON_WORDS : WORDS
  }

  get isAtEnd(): boolean {
    this.skipBlanks()
    return this.at === this.text.length
  }

  /** Skips a text, and says whether it came next. */
  takes(text: string): boolean {
    this.skipBlanks()
    const isNext = this.text.startsWith(text, this.at)
    if (isNext) this.at += text.length
    return isNext
  }

  /** Skips a text that must come next. */
  expect(text: string): void {
    if (!this.takes(text)) throw new Error(`"${text}" is missing at ${this.at}`)
  }

  /** The next match of a sticky pattern; undefined if it does not come next. */
  match(pattern: RegExp): string | undefined {
    this.skipBlanks()
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0]
    this.at += found?.length ?? 0
    return found
  }

  value(): unknown {
    if (++this.depth > MOST_DEPTH) throw new Error('it is nested too deep')
    const value = this.anyValue()
    this.depth--
    return value
  }

  /** The items between an opener, which has been taken, and a closer, with commas between. */
  items<T>(close: string, item: () => T): T[] {
    const items: T[] = []
    while (!this.takes(close)) {
      items.push(item())
      if (this.takes(',')) continue
      this.expect(close)
      break
    }
    return items
  }

  private anyValue(): unknown {
    const string = this.string()
    if (string !== undefined) return string
    if (this.takes('{')) return Object.fromEntries(this.items('}', () => this.entry()))
    if (this.takes('[')) return this.items(']', () => this.value())
    if (this.dialect.isPython && this.takes('(')) return this.items(')', () => this.value())
    const number = this.match(/[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/y)
    if (number !== undefined) return Number(number)
    const word = this.match(/[A-Za-z]+(?!\w)/y)
    if (word !== undefined && Object.hasOwn(this.words, word)) return this.words[word]
    throw new Error(`a value is missing at ${this.at}`)
  }

  private entry(): [string, unknown] {
    const bare = this.dialect.hasBareKeys ? this.match(/[\p{L}\p{N}_$.-]+(?=\s*:)/uy) : undefined
    const key = bare ?? this.value()
    if (typeof key !== 'string' && !(this.dialect.isPython && typeof key === 'number'))
      throw new Error('a key is no text')
    this.expect(':')
    return [String(key), this.value()]
  }

  private string(): string | undefined {
    for (const [open, close] of this.dialect.delimiters ?? []) {
      if (this.takes(open)) return this.upTo(close)
    }
    if (!this.dialect.isPython) return this.takes('"') ? this.quoted('"') : undefined
    const quote = ['"""', "'''", '"', "'"].find((quote) => this.takes(quote))
    return quote && this.quoted(quote)
  }

  private upTo(close: string): string {
    const end = this.text.indexOf(close, this.at)
    if (end < 0) throw new Error(`"${close}" is missing`)
    const text = this.text.slice(this.at, end)
    this.at = end + close.length
    return text
  }

  /** The text up to a quote, with escapes. */
  private quoted(quote: string): string {
    let text = ''
    for (let begin = this.at; ; begin = this.at) {
      while (this.at < this.text.length && this.text[this.at] !== '\\' && this.text[this.at] !== quote[0]) this.at++
      if (this.at >= this.text.length) throw new Error(`${quote} is missing`)
      text += this.text.slice(begin, this.at)
      if (this.text.startsWith(quote, this.at) && this.isClosing(this.at + quote.length)) {
        this.at += quote.length
        return text
      }
      text += this.text[this.at] === '\\' ? this.escape() : this.text[this.at++]
    }
  }

  /** Whether a quote that ends at this place ends its string. */
  private isClosing(at: number): boolean {
    if (!this.dialect.hasLooseQuotes) return true
    while (BLANKS.has(this.text[at])) at++
    return at === this.text.length || ',)]}:'.includes(this.text[at])
  }

  private escape(): string {
    const code = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8}))/y
    code.lastIndex = this.at
    const [all, two, four, eight] = code.exec(this.text) ?? []
    if (all !== undefined) {
      this.at += all.length
      const point = Number.parseInt(two ?? four ?? eight, 16)
      return point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'
    }
    const letter = this.text[this.at + 1] ?? ''
    this.at += 2
    // Python keeps the backslash of an unknown escape; JSON has "\/".
    return ESCAPES[letter] ?? ('"\'\\/'.includes(letter) ? letter : `\\${letter}`)
  }

  private skipBlanks(): void {
    while (BLANKS.has(this.text[this.at])) this.at++
  }
}

const BLANKS = new Set([' ', '\t', '\n', '\r'])

/** A value of JSON. Throws an Error if it is nested too deep for the code that reads it later. */
export function shallowJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if ((text.match(/[[{]/g)?.length ?? 0) > 64) new LiteralReader(text, {}).value()
  return value
}
