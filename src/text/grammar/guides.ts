import type { GuideSpec } from '../../api/guide.js'

/** A guide at the beginning of a text. */
export interface OpenGuide {
  /** Memory that the guide shares with the engine (guide-memory.ts). */
  readonly memory: SharedArrayBuffer
  close(): void
}

export interface OpenGuideOptions {
  eos: readonly number[]
  /** Most tokens of the text. Default: no limit. */
  maxTokens?: number
  signal?: AbortSignal
}

/** Makes the guides of a model's generations. */
export interface Guides {
  /** Opens a guide for one generation. Rejects with a UserError that names what is wrong in a grammar. */
  open(spec: GuideSpec, options: OpenGuideOptions): Promise<OpenGuide>
  close(): Promise<void>
}
