/** A term and its meaning. */
export type HelpRow = readonly [term: string, meaning: string]

/** A finished piece of the conversation, for the terminal's scrollback. */
export interface ChatItem {
  id: number
  /** 'command' is a command as the user typed it. */
  kind: 'user' | 'command' | 'answer' | 'note' | 'error'
  text: string
  /** A table above the text. */
  rows?: readonly HelpRow[]
}
