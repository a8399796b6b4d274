import { Text } from 'ink'

/** Lines that fit the window as they are. */
export function Lines({ lines }: { lines: readonly string[] }) {
  return lines.map((line, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a line of the live area is its place, whatever stands there
    <Text key={i} wrap="truncate">
      {line || ' '}
    </Text>
  ))
}
