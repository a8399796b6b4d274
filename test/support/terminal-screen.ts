/** A character on the screen with the SGR parameters that it was written with. */
export interface ScreenCell {
  text: string
  style: string
}

const ESC = '\u001b'
/** CSI, OSC and two-character sequences. */
const SEQUENCE = new RegExp(`^${ESC}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\u0007]*\u0007|[^[\\]])`)
const CONTROL = new RegExp(`^${ESC}\\[([0-?]*)[ -/]*([@-~])$`)

/**
 * A terminal of the plainest kind, fed with what a program writes: lines that wrap and scroll, cursor movements, erased
 * lines, colours. It keeps what scrolls out at the top, and counts what a calm program does not do.
 */
export class TerminalScreen {
  /** Lines that have left the screen at the top, oldest first. */
  readonly scrollback: ScreenCell[][] = []
  /** Erasures of the whole screen or of the scrollback. */
  fullClears = 0
  cursorVisible = true
  /** Private modes that are on, such as 2004 for bracketed paste. */
  readonly modes = new Set<number>()
  private lines: ScreenCell[][] = [[]]
  private row = 0
  private column = 0
  private style = ''
  private pending = ''

  constructor(
    private columns: number,
    private rows: number,
  ) {}

  /** Text of the lines on the screen. */
  get text(): string[] {
    return this.lines.map(textOf)
  }

  get cells(): readonly ScreenCell[][] {
    return this.lines
  }

  /** Text of everything that a user can scroll to. */
  get everything(): string {
    return [...this.scrollback, ...this.lines].map(textOf).join('\n')
  }

  /** A shorter window pushes lines out at the top, as long as the cursor needs it. */
  resize(columns: number, rows: number): void {
    if (columns < this.columns) this.reflow(columns)
    this.columns = columns
    this.rows = rows
    this.scroll()
  }

  write(text: string): void {
    let rest = this.pending + text
    this.pending = ''
    while (rest !== '') {
      const sequence = SEQUENCE.exec(rest)?.[0]
      if (sequence !== undefined) {
        this.control(sequence)
        rest = rest.slice(sequence.length)
      } else if (rest[0] === ESC) {
        this.pending = rest
        return
      } else {
        const [character] = rest
        this.print(character)
        rest = rest.slice(character.length)
      }
    }
  }

  private print(character: string): void {
    if (character === '\r') this.column = 0
    else if (character === '\n') this.down()
    else {
      if (this.column >= this.columns) {
        this.column = 0
        this.down()
      }
      const line = this.lines[this.row]
      while (line.length < this.column) line.push({ text: ' ', style: '' })
      line[this.column++] = { text: character, style: this.style }
    }
  }

  private down(): void {
    this.row++
    if (this.row === this.lines.length) this.lines.push([])
    this.scroll()
  }

  private scroll(): void {
    while (this.lines.length > this.rows) {
      this.scrollback.push(...this.lines.splice(0, 1))
      this.row = Math.max(0, this.row - 1)
    }
  }

  private control(sequence: string): void {
    const [, parameters = '', final = ''] = CONTROL.exec(sequence) ?? []
    const count = Math.max(1, Number.parseInt(parameters, 10) || 1)
    if (final === 'A') this.row = Math.max(0, this.row - count)
    else if (final === 'G') this.column = count - 1
    else if (final === 'K') this.eraseLine(parameters)
    else if (final === 'J') this.fullClears++
    else if (final === 'm')
      this.style = parameters === '' || parameters === '0' ? '' : nextStyle(this.style, parameters)
    else if (final === 'h' || final === 'l') this.setMode(Number(parameters.slice(1)), final === 'h')
  }

  private eraseLine(parameters: string): void {
    const line = this.lines[this.row]
    line.length = parameters === '2' ? 0 : Math.min(line.length, this.column)
  }

  private setMode(mode: number, on: boolean): void {
    if (mode === 25) this.cursorVisible = on
    else if (on) this.modes.add(mode)
    else this.modes.delete(mode)
  }

  /** As most terminals do: lines that are too long now go on in the next. */
  private reflow(columns: number): void {
    const old = this.lines
    this.lines = []
    for (const [index, line] of old.entries()) {
      if (index === this.row) this.row = this.lines.length
      const whole = [...line]
      do this.lines.push(whole.splice(0, columns))
      while (whole.length > 0)
    }
  }
}

function textOf(line: ScreenCell[]): string {
  return line
    .map(({ text }) => text)
    .join('')
    .trimEnd()
}

/** Foreground, background and the others are set and unset apart from each other. */
function nextStyle(style: string, parameters: string): string {
  const kept = new Map(style === '' ? [] : style.split(' ').map((part) => [slotOf(part), part]))
  const codes = parameters.split(';')
  while (codes.length > 0) {
    const length = (codes[0] === '38' || codes[0] === '48') && codes.length > 1 ? (codes[1] === '2' ? 5 : 3) : 1
    const part = codes.splice(0, length).join(';')
    if (OFF[part]) for (const slot of OFF[part]) kept.delete(slot)
    else kept.set(slotOf(part), part)
  }
  return [...kept.values()].join(' ')
}

const OFF: Record<string, string[]> = { '39': ['foreground'], '49': ['background'], '22': ['1', '2'], '27': ['7'] }

function slotOf(part: string): string {
  if (/^(38|3[0-7]|9[0-7])/.test(part)) return 'foreground'
  if (/^(48|4[0-7]|10[0-7])/.test(part)) return 'background'
  return part
}
