import type { Key } from 'ink'
import { printableOutput } from '../../ground/printable.js'
import type { Terminal, WindowSize } from './terminal.js'

/*
 * All that this program does about Ink 6.8. Version 7 needs Node 22.
 *
 * With the variable `CI` set, Ink draws only once at its end: right for a log, wrong for a terminal, and a chat always has
 * one. Ink reads the variable only while it is imported.
 */
const { CI, CONTINUOUS_INTEGRATION } = process.env
delete process.env.CI
delete process.env.CONTINUOUS_INTEGRATION
const { render, Static, Transform, useInput } = await import('ink')
if (CI !== undefined) process.env.CI = CI
if (CONTINUOUS_INTEGRATION !== undefined) process.env.CONTINUOUS_INTEGRATION = CONTINUOUS_INTEGRATION

export { render }

/** The parts of a stream that Ink uses. */
export interface InkOutput extends WindowSize {
  isTTY: true
  /** Whether Ink may write when it is unmounted. */
  writable: boolean
  write(text: string, done?: (error?: Error | null) => void): boolean
  on(): void
  off(): void
}

/** A stream of one size: Ink would clear the scrollback if its window shrank. */
export function inkOutput(terminal: Terminal, size: WindowSize): InkOutput {
  const write: InkOutput['write'] = (text, done) => terminal.draw(mended(text), done)
  return { ...size, isTTY: true, writable: true, write, on() {}, off() {} }
}

const ESC = '\u001b'
/** CSI 3 A goes up three rows; CSI E goes to the next row (ECMA-48, 8.3.22 and 12). */
const UP = new RegExp(`^${ESC}\\[(\\d+)A`)
const NEXT_ROW = `${ESC}[E`

/**
 * Mends what Ink writes if only some lines have changed. It goes up one row too few; Ink 7 does not. And it goes to the
 * next row by CSI E, which does not scroll at the bottom of the window.
 */
function mended(text: string): string {
  return text.replace(UP, (_, rows: string) => `${ESC}[${Number(rows) + 1}A`).replaceAll(NEXT_ROW, '\n')
}

interface ChatViewProps {
  /** Finished lines, for the scrollback. New ones are added in the order of the array. */
  finished: (readonly string[])[]
  /** Lines of the live area; none once the chat has ended. */
  live: readonly string[]
  /** Whether keys are read. Until then they wait in the stream. */
  isActive: boolean
  onInput(input: string, key: Key): void
}

/** The whole screen: finished lines above, and the live area below them. */
export function ChatView({ finished, live, isActive, onInput }: ChatViewProps) {
  useInput(onInput, { isActive })
  return (
    <>
      <Static items={finished}>{(lines, index) => <Lines key={index} lines={lines} />}</Static>
      <Lines lines={live} />
    </>
  )
}

/**
 * Drawn lines, at most as wide as the window. Ink lays out blanks in their place, since it remembers the measures of each
 * text until the program ends. No name in a line can control the terminal.
 */
function Lines({ lines }: { lines: readonly string[] }) {
  if (lines.length === 0) return null
  return (
    <Transform transform={(_, row) => printableOutput(lines[row])}>
      {Array(lines.length).fill(' ').join('\n')}
    </Transform>
  )
}
