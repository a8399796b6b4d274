/** A term and its meaning. */
export type HelpRow = readonly [term: string, meaning: string]

/** Parts of an item that only some have. */
export type ItemExtra = Pick<ChatItem, 'rows' | 'footer'>

/** A finished piece of the conversation, for the terminal's scrollback. */
export interface ChatItem {
  id: number
  /** 'command' is a command as the user typed it. */
  kind: 'user' | 'command' | 'answer' | 'note' | 'error'
  text: string
  /** A table above the text. */
  rows?: readonly HelpRow[]
  /** A dim line below the text. */
  footer?: string
}
