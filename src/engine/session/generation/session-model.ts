import type { ChatTemplate, GenerationDefaults, Tokenizer } from '../../../api/text.js'
import type { ModelConfig } from '../../../model/config/config.js'
import type { Guides } from '../../../text/grammar/guide-client.js'
import type { EngineCalls } from '../../run/client.js'

/** The parts of a model that a session uses. */
export interface SessionModel {
  engine: EngineCalls
  /** Its numbers of experts per token change while no session runs. */
  config: ModelConfig
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate
  defaults: GenerationDefaults
  newSession(): number
  /** Makes guides of constrained generations; absent without a tokenizer. */
  guides?: Guides
}
