import { stripVTControlCharacters } from 'node:util'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import type { WindowSize } from '#molm/terminal/screen/terminal.js'
import { layoutOf, type View } from '#molm/terminal/screen/view.js'
import { mixturesOf } from './chats.js'

export const VIEW_SHAPES = {
  'nano’s': mixturesOf(6, { attention: 8, mlp: 24 }),
  'MoLM-4B’s': mixturesOf(24, { attention: 16, mlp: 32 }),
  'MoLM-8B’s': mixturesOf(48, { attention: 16, mlp: 32 }),
  'one with MLP experts alone': mixturesOf(48, { mlp: 128 }),
  'one with dense layers': mixturesOf(24, { mlp: 64 }, [0, 1, 7]),
}

/** Finished lines to show beside the map. */
export const HELD = Array.from({ length: 50 }, (_, i) => `held ${i}`)

/** The live area in a window of this size, with finished lines that stay in it. */
export const viewOf = (chat: Chat, size: WindowSize, held: readonly string[] = []): View =>
  layoutOf(chat, size).view(held)

/** The lines of the map, beside or below the text, without colours. */
export function mapOf(chat: Chat, columns: number, rows: number): string[] {
  const { text, map } = viewOf(chat, { columns, rows })
  const { side, textWidth } = layoutOf(chat, { columns, rows })
  const lines = side ? text.map((line) => stripVTControlCharacters(line).slice(textWidth + 3)) : map
  return lines.map((line) => stripVTControlCharacters(line).trimEnd())
}

/** The lines of a map from its title on. */
export function withoutCaption(lines: string[]): string[] {
  return lines[0].startsWith('all answers: ') ? lines.slice(1) : lines
}
