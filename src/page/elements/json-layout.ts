/** Blanks per level. */
const INDENT = 2
/** Deeper levels are indented no further, so that deep values do not become wide. */
const MOST_LEVELS = 20

/** Sets out JSON in lines as it comes: each entry on its own line. Text in strings stays unchanged. */
export class JsonLayout {
  private level = 0
  private isInString = false
  private isEscaped = false
  /** Whether the last sign opened an object or a list, which may be empty. */
  private hasOpened = false

  /** Sets out the next piece of the text. The pieces together are the same however the text is cut. */
  add(piece: string): string {
    let out = ''
    for (const sign of piece) out += this.isInString ? this.inString(sign) : this.between(sign)
    return out
  }

  private inString(sign: string): string {
    if (this.isEscaped) this.isEscaped = false
    else if (sign === '\\') this.isEscaped = true
    else if (sign === '"') this.isInString = false
    return sign
  }

  private between(sign: string): string {
    if (/\s/.test(sign)) return ''
    const isEmpty = this.hasOpened
    this.hasOpened = false
    if (sign === '}' || sign === ']') {
      this.level = Math.max(0, this.level - 1)
      return isEmpty ? sign : this.line + sign
    }
    const before = isEmpty ? this.line : ''
    this.isInString = sign === '"'
    if (sign === ',') return before + sign + this.line
    if (sign === ':') return `${before}: `
    if (sign === '{' || sign === '[') {
      this.level++
      this.hasOpened = true
    }
    return before + sign
  }

  private get line(): string {
    return `\n${' '.repeat(INDENT * Math.min(this.level, MOST_LEVELS))}`
  }
}

/** Sets out a text that is JSON; undefined if it is not. */
export function laidOut(text: string): string | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  return new JsonLayout().add(text)
}
