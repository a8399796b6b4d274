/** The terminal of a chat, for what is more than drawing. */
export interface ChatTerminal {
  readonly size: Readonly<{ columns: number; rows: number }>
  /** Writes a sequence that changes nothing on the screen. */
  send(sequence: string): void
  /** Hands the terminal over until the work is done. Nothing is drawn meanwhile, and keys are not read. */
  lend<T>(work: () => Promise<T>): Promise<T>
}
