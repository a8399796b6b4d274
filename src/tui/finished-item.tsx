import { Box, Text } from 'ink'
import type { ColourDepth } from '../terminal/colours.js'
import { styled } from '../terminal/style.js'
import { wrap } from '../terminal/wrap.js'
import type { ChatItem } from './chat.js'
import type { Terminal } from './terminal.js'

/** A finished piece of the conversation, as it stays in the scrollback, with a blank line below. */
export function FinishedItem({
  item,
  width,
  depth,
  terminal,
}: {
  item: ChatItem
  width: number
  depth: ColourDepth
  terminal: Terminal
}) {
  return (
    <Box marginBottom={1}>
      <Text>{terminal.marksForFinished(linesOf(item, width, depth))}</Text>
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
