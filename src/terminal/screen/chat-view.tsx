import type { Key } from 'ink'
import { printableOutput } from '../../ground/printable.js'
import { Static, Transform, useInput } from './ink.js'
import type { View } from './view.js'

interface ChatViewProps {
  /** Finished lines, for the scrollback. New ones are added in the order of the array. */
  finished: (readonly string[])[]
  /** The live area; absent once the chat has ended. */
  view?: View
  /** Whether keys are read. Until then they wait in the stream. */
  isActive: boolean
  onInput(input: string, key: Key): void
}

/** The whole screen: finished lines above, and the live area below them. */
export function ChatView({ finished, view, isActive, onInput }: ChatViewProps) {
  useInput(onInput, { isActive })
  return (
    <>
      <Static items={finished}>{(lines, index) => <Lines key={index} lines={lines} />}</Static>
      {view && <LiveArea {...view} />}
    </>
  )
}

/** The parts of the live area. Their heights depend on each other, so a layout has given each its lines. */
function LiveArea({ text, map, token, air, question, suggestions, input, status }: View) {
  return (
    <>
      <Lines lines={text} />
      <Lines lines={map} />
      <Lines lines={token} />
      <Lines lines={air} />
      <Lines lines={question} />
      <Lines lines={suggestions} />
      <Lines lines={input} />
      <Lines lines={status} />
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
