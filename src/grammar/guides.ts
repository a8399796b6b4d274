import type { GuideSpec } from '../api/guide.js'

/** A guide at the beginning of a text. */
export interface OpenGuide {
  /** Memory that the guide shares with the engine (guide-memory.ts). */
  readonly memory: SharedArrayBuffer
  /** Frees the guide. */
  close(): void
}

/** Makes the guides of a model's generations. */
export interface Guides {
  /**
   * Opens a guide for one generation. `eos` are the ids that end its text. Rejects with a UserError that names what is
   * wrong, or not supported, in a grammar.
   */
  open(spec: GuideSpec, options: { eos: readonly number[]; signal?: AbortSignal }): Promise<OpenGuide>
  /** Ends the threads. */
  close(): Promise<void>
}
