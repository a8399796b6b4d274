import type { TracedText } from './traced-text.js'

export interface TraceFormat {
  model?: string
  /** Names are empty if the file has none. */
  texts: { name: string; text: TracedText }[]
  /** Texts of tokens by their ids, as far as the file has them. */
  words: Map<number, string>
  /** Whether layers without experts have no number: layer 0 is the first one with experts. */
  onlyMixtures?: true
}
