import type { AskOptions } from '../../api/chat-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import type { OutputConstraint } from '../../api/guide.js'
import type { ChatMessage } from '../../api/text.js'

/* A request in the library's terms. Each API fills it from its body, and all that follows reads only this. */

interface AnswerRequest {
  /** The options of the generation that the body sets. */
  options: GenerateOptions
  constraint?: Constraint
  /** Experts that no token may use, in the form LAYER:KIND:IDS. */
  mask?: readonly string[]
  /** As `Intervention` of the library has them, unchecked. */
  interventions?: readonly unknown[]
  /** Answers to each prompt. Default: 1. */
  n?: number
  isStream?: boolean
  /** Most tokens of prompt and answer together, if `maxTokens` is not set. Default: no limit. */
  room?: number
  report: Report
}

/** The form of the answer, and the field of the body that asks for it. */
export type Constraint = OutputConstraint & { param: string }

/** Reports of the response besides its text. */
interface Report {
  /** Log-probabilities: of each token, and of this number of likeliest ones. */
  logprobs?: number
  /** The experts of the answer's tokens, or of the prompt's tokens, too. */
  routes?: 'answer' | 'all'
  /** Whether the experts come at the end of each choice, as vLLM gives them. */
  packedRoutes?: boolean
  /** How much of the prompt has been read, in a stream. */
  progress?: boolean
}

/** A conversation up to the next message, framed by the model's chat template. */
export interface ChatRequest extends AnswerRequest, AskOptions {
  messages: readonly ChatMessage[]
  /** Further variables of the chat template. */
  args?: Readonly<Record<string, unknown>>
}

/** Texts or token ids to be continued as they are. */
export interface CompletionRequest extends AnswerRequest {
  prompts: readonly (string | number[])[]
  /** Text after the gap that the answer fills. */
  suffix?: string
  /** Whether the answer begins with the prompt. */
  echo?: boolean
}
