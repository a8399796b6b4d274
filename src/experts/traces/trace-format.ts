import type { TracedText } from './traced-text.js'

/** Contents of a file with a trace. */
export interface TraceFormat {
  /** Name of the model, if the file has it. */
  model?: string
  /** Names are empty if the file has none. */
  texts: { name: string; text: TracedText }[]
  /** Texts of tokens by their ids, as far as the file has them. */
  words: Map<number, string>
  /** Whether layers without experts have no number: layer 0 is the first one with experts. */
  onlyMixtures?: true
}
