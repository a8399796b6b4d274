import type { Model } from '../../api/model.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'

/** Knowledge about a model's experts. */
export interface ServedExperts {
  /** Mask that the model has for all sessions. Default: none. */
  mask?: ExpertMask
  /** Names of the experts. Default: none. */
  atlas?: Atlas
}

/** Parts of a model that are known before it is loaded, and stay known when its memory has been freed. */
export type Outline = Pick<Model, 'name' | 'config' | 'info' | 'chatTemplate'>

export interface LoadedSource extends ServedExperts {
  model: Model
  /** System text of conversations that have none. Default: none. */
  system?: string
}

/** A model that the server can load, and load again. */
export interface ModelSource {
  /** The model's name in requests and responses. Default: its own name. */
  alias?: string
  /** May be absent for a server's only model, which is loaded when the server starts. */
  outline?: Outline
  /** Loads the model, with at most `memory` bytes of weights. Rejects with a UserError if it cannot be loaded. */
  load(options: { memory?: number; signal: AbortSignal }): Promise<LoadedSource>
}
