import { Text } from 'ink'
import type { Terminal } from './terminal.js'

/**
 * The lines of the live area. Ink sees a mark in place of each, and the terminal puts the line in on the way out: taking
 * every coloured cell apart and together again, as Ink does, costs more than all the rest of the drawing.
 */
export function LiveArea({ lines, terminal }: { lines: readonly string[]; terminal: Terminal }) {
  return <Text>{terminal.marksFor(lines)}</Text>
}
