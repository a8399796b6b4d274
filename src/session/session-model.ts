import type { ChatTemplate, GenerationDefaults, Tokenizer } from '../api/text.js'
import type { EngineClient } from '../engine/client.js'
import type { ModelConfig } from '../model/config.js'

/** What a session needs of its model. */
export interface SessionModel {
  engine: EngineClient
  config: ModelConfig
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate
  defaults: GenerationDefaults
}
