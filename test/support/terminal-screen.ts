import xterm from '@xterm/headless'

/** A character on the screen with the look that it has. */
export interface ScreenCell {
  text: string
  /** Foreground, background and the others as parameters of SGR, with blanks between; empty where it looks like nothing special. */
  style: string
}

/** What a program writes, as a terminal shows it: a screen of xterm.js, which keeps what scrolls out at the top. */
export class TerminalScreen {
  private readonly terminal: InstanceType<typeof xterm.Terminal>
  /** Erasures of the whole screen or of the scrollback. */
  fullClears = 0
  cursorVisible = true

  constructor(columns: number, rows: number) {
    this.terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true })
    const { parser } = this.terminal
    parser.registerCsiHandler({ final: 'J' }, () => {
      this.fullClears++
      return false
    })
    for (const [final, isVisible] of [
      ['h', true],
      ['l', false],
    ] as const) {
      parser.registerCsiHandler({ prefix: '?', final }, ([mode]) => {
        if (mode === 25) this.cursorVisible = isVisible
        return false
      })
    }
  }

  /** Answers of the terminal to what the program asks. */
  onAnswer(listener: (text: string) => void): void {
    this.terminal.onData(listener)
  }

  /** Whether pasted text comes in brackets. */
  get takesPastes(): boolean {
    return this.terminal.modes.bracketedPasteMode
  }

  /** Text of the lines on the screen, up to the last that is not blank. */
  get text(): string[] {
    const { active } = this.terminal.buffer
    const lines = Array.from({ length: this.terminal.rows }, (_, row) => this.lineAt(active.baseY + row))
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
  }

  get cells(): readonly ScreenCell[][] {
    const { active } = this.terminal.buffer
    return Array.from({ length: this.terminal.rows }, (_, row) => {
      const line = active.getLine(active.baseY + row)
      const cells = Array.from({ length: this.terminal.cols }, (_, column) => {
        const cell = line?.getCell(column)
        return { text: cell?.getChars() || ' ', style: cell ? styleOf(cell) : '' }
      })
      return cells.slice(0, cells.findLastIndex(({ text, style }) => text !== ' ' || style !== '') + 1)
    })
  }

  /** Text of everything that a user can scroll to. */
  get everything(): string {
    const { active } = this.terminal.buffer
    return Array.from({ length: active.length }, (_, row) => this.lineAt(row)).join('\n')
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows)
  }

  /** Takes what a program has written; resolves once it is on the screen. */
  write(text: string): Promise<void> {
    return new Promise((resolve) => this.terminal.write(text, resolve))
  }

  private lineAt(row: number): string {
    return this.terminal.buffer.active.getLine(row)?.translateToString(true) ?? ''
  }
}

type Cell = NonNullable<ReturnType<NonNullable<ReturnType<xterm.Terminal['buffer']['active']['getLine']>>['getCell']>>

function styleOf(cell: Cell): string {
  return [
    ...(cell.isBold() ? ['1'] : []),
    ...(cell.isDim() ? ['2'] : []),
    ...(cell.isInverse() ? ['7'] : []),
    ...colourOf(38, cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor()),
    ...colourOf(48, cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor()),
  ].join(' ')
}

function colourOf(slot: 38 | 48, isRgb: boolean, isPalette: boolean, colour: number): string[] {
  if (isRgb) return [`${slot};2;${colour >> 16};${(colour >> 8) & 255};${colour & 255}`]
  return isPalette ? [`${slot};5;${colour}`] : []
}
