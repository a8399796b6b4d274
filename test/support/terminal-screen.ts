import xterm from '@xterm/headless'

/** A character on the screen with its style. */
export interface ScreenCell {
  text: string
  /** Foreground, background and attributes as SGR parameters, separated by blanks; empty for the default style. */
  style: string
}

/** Terminal emulator for a program's output: a screen of xterm.js with scrollback. */
export class TerminalScreen {
  private readonly terminal: InstanceType<typeof xterm.Terminal>
  /** Number of times that the whole screen or the scrollback was erased. */
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

  /** Answers of the terminal to the program's queries. */
  onAnswer(listener: (text: string) => void): void {
    this.terminal.onData(listener)
  }

  /** Whether bracketed paste is on. */
  get takesPastes(): boolean {
    return this.terminal.modes.bracketedPasteMode
  }

  /** Text of the screen's lines, up to the last one that is not blank. */
  get text(): string[] {
    const { active } = this.terminal.buffer
    const lines = Array.from({ length: this.terminal.rows }, (_, row) => this.lineAt(active.baseY + row))
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
  }

  get cells(): readonly ScreenCell[][] {
    const { baseY } = this.terminal.buffer.active
    return Array.from({ length: this.terminal.rows }, (_, row) => this.cellsAt(baseY + row))
  }

  /** As many of the last lines as the screen has rows, wherever it has scrolled to. */
  get lastCells(): readonly ScreenCell[][] {
    const lines = Array.from({ length: this.terminal.buffer.active.length }, (_, row) => this.cellsAt(row))
    return lines.slice(0, lines.findLastIndex((line) => line.length > 0) + 1).slice(-this.terminal.rows)
  }

  /** Text of the screen and its scrollback. */
  get everything(): string {
    const { active } = this.terminal.buffer
    return Array.from({ length: active.length }, (_, row) => this.lineAt(row)).join('\n')
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows)
  }

  /** Writes a program's output to the terminal. Resolves once the screen shows it. */
  write(text: string): Promise<void> {
    return new Promise((resolve) => this.terminal.write(text, resolve))
  }

  private cellsAt(row: number): ScreenCell[] {
    const line = this.terminal.buffer.active.getLine(row)
    const cells = Array.from({ length: this.terminal.cols }, (_, column) => {
      const cell = line?.getCell(column)
      return { text: cell?.getChars() || ' ', style: cell ? styleOf(cell) : '' }
    })
    return cells.slice(0, cells.findLastIndex(({ text, style }) => text !== ' ' || style !== '') + 1)
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
    ...(cell.isItalic() ? ['3'] : []),
    ...(cell.isUnderline() ? ['4'] : []),
    ...(cell.isInverse() ? ['7'] : []),
    ...(cell.isStrikethrough() ? ['9'] : []),
    ...colourOf(38, cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor()),
    ...colourOf(48, cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor()),
  ].join(' ')
}

function colourOf(slot: 38 | 48, isRgb: boolean, isPalette: boolean, colour: number): string[] {
  if (isRgb) return [`${slot};2;${colour >> 16};${(colour >> 8) & 255};${colour & 255}`]
  return isPalette ? [`${slot};5;${colour}`] : []
}
