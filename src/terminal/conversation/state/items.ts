import type { Rgb } from '../../../ground/output/colours.js'

export type HelpRow = readonly [term: string, meaning: string]

export interface ItemSpan {
  text: string
  isDim?: boolean
  /** Colour behind the text, and of its letters. */
  highlight?: { behind: Rgb; ink: Rgb }
  /** Whether it differs from the text that it is compared with. */
  differs?: boolean
}

/** Parts of an item that only some have. */
export type ItemExtra = Pick<ChatItem, 'rows' | 'footer' | 'spans' | 'isEarlier' | 'isLiteral'>

/** A finished piece of the conversation, for the terminal's scrollback. */
export interface ChatItem {
  /** 'thought' is the line in place of thoughts, 'thoughts' are opened ones, 'result' is the result of a call. */
  kind: 'user' | 'command' | 'thought' | 'thoughts' | 'call' | 'result' | 'answer' | 'note' | 'error'
  text: string
  isEarlier?: boolean
  /** A table above the text. */
  rows?: readonly HelpRow[]
  /** A dim line below the text. */
  footer?: string
  /** Parts of the text with a look of their own; joined they are the text. */
  spans?: readonly ItemSpan[]
  /** Whether the text is shown as written, such as JSON, even if it looks like Markdown. */
  isLiteral?: boolean
}
