import { Text } from 'ink'
import type { Terminal } from './terminal.js'

/** The lines of the live area. Ink sees a mark in place of each, and the terminal puts the line in on the way out. */
export function LiveArea({ lines, terminal }: { lines: readonly string[]; terminal: Terminal }) {
  return <Text>{terminal.marksFor(lines)}</Text>
}
