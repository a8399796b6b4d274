import { Box, Text } from 'ink'
import type { ColourDepth } from '../experts/terminal-colours.js'
import type { ChatItem } from './chat.js'
import { styled } from './style.js'
import { wrap } from './wrap.js'

/** A finished piece of the conversation, as it stays in the scrollback, with a blank line below. */
export function FinishedItem({ item, width, depth }: { item: ChatItem; width: number; depth: ColourDepth }) {
  return (
    <Box flexDirection="column" marginBottom={1}>
      {linesOf(item, width, depth).map((line, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of a finished text stay where they are
        <Text key={i} wrap="truncate">
          {line || ' '}
        </Text>
      ))}
    </Box>
  )
}

function linesOf({ kind, text }: ChatItem, width: number, depth: ColourDepth): string[] {
  switch (kind) {
    case 'user':
      return wrap(text, width - 2).map((line, i) => styled(`${i === 0 ? '› ' : '  '}${line}`, 'bold', depth))
    case 'answer':
      return wrap(text, width)
    case 'note':
      return wrap(text, width).map((line) => styled(line, 'dim', depth))
    case 'error':
      return wrap(`! ${text}`, width)
  }
}
