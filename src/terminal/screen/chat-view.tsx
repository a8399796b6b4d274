import type { Key } from 'ink'
import { printableOutput } from '../../ground/printable.js'
import { Static, Transform, useInput } from './ink.js'

interface ChatViewProps {
  /** Finished lines, for the scrollback. New ones are added in the order of the array. */
  finished: readonly (readonly string[])[]
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
      <Static items={[...finished]}>{(lines, index) => <Lines key={index} lines={lines} />}</Static>
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
