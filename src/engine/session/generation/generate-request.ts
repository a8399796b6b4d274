import type { GenerateOptions } from '../../../api/generation.js'
import { settle } from '../../../api/generation-options.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import type { GenerateRequest } from '../../run/messages/protocol.js'
import { randomSeed } from '../../sampling/random.js'
import type { SessionModel } from './session-model.js'
import { messageEnds, tokenIds } from './token-ids.js'

/** Longest text, in characters, that is encoded synchronously: it takes about a millisecond. */
const SHORT = 10_000

/**
 * Ids of a prompt, or a promise of them if its text takes long to encode. A prompt that continues a session gets no
 * special tokens, since these belong at the beginning of a text.
 */
export function promptIds(
  prompt: string,
  { tokenizer }: SessionModel,
  { continues, signal }: { continues: boolean; signal?: AbortSignal },
): number[] | Promise<number[]> {
  if (!tokenizer) throw new UsageError('the model came without tokenizer files: give the prompt as token ids')
  const addSpecialTokens = !continues
  if (tokenizer.isQuick && prompt.length <= SHORT) return tokenizer.encode(prompt, { addSpecialTokens })
  return tokenizer.encodeAsync(prompt, { addSpecialTokens, signal })
}

/** Builds the engine's request, with a value for every option. Throws a UserError if the model is a classifier. */
export function generateRequest(
  session: number,
  prompt: ArrayLike<number>,
  { config, defaults, tokenizer }: SessionModel,
  options: GenerateOptions,
): GenerateRequest {
  if (config.architecture === 'classifier') throw new UserError('a sequence classifier generates no text; use classify')
  const settings = settle(options, defaults, { seed: randomSeed() })
  const end = defaults.eosTokens ?? config.eosTokens ?? (config.eosToken === null ? [] : [config.eosToken])
  const ids = tokenIds(prompt, config.vocabSize)
  return {
    kind: 'generate',
    session,
    prompt: ids,
    ...(tokenizer && { messageEnds: messageEnds(ids, tokenizer.specialIds) }),
    settings,
    eos: settings.ignoreEos ? [] : end,
    routes: options.routes ?? false,
    probabilities: options.probabilities ?? false,
    progress: options.onPromptProgress !== undefined,
    promptRoutes: options.onPromptRoutes !== undefined,
    scored: options.logprobs !== undefined,
  }
}
