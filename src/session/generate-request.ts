import type { GenerateOptions } from '../api/generation.js'
import type { GenerateRequest } from '../engine/protocol.js'
import { UsageError, UserError } from '../errors.js'
import { settle } from '../generation-options.js'
import { randomSeed } from '../sampling/random.js'
import type { SessionModel } from './session-model.js'
import { tokenIds } from './token-ids.js'

/** Characters that are encoded at once, in a millisecond or so. */
const SHORT = 10_000

/**
 * Ids of a prompt; a promise of them if its text takes a while to encode. A prompt that continues a session gets no
 * special tokens: what begins a text begins a sequence only.
 */
export function promptIds(
  prompt: string | ArrayLike<number>,
  { tokenizer, config }: SessionModel,
  { continues, signal }: { continues: boolean; signal?: AbortSignal },
): ArrayLike<number> | Promise<number[]> {
  // Checked before it is awaited: a promise of a text is no prompt.
  if (typeof prompt !== 'string') return tokenIds(prompt, config.vocabSize)
  if (!tokenizer) throw new UsageError('the model came without tokenizer files: give the prompt as token ids')
  const addSpecialTokens = !continues
  if (tokenizer.isQuick && prompt.length <= SHORT) return tokenizer.encode(prompt, { addSpecialTokens })
  return tokenizer.encodeAsync(prompt, { addSpecialTokens, signal })
}

/** The request for a generation, with every option settled. Throws a UserError if the model generates no text. */
export function generateRequest(
  session: number,
  prompt: ArrayLike<number>,
  { config, defaults }: SessionModel,
  options: GenerateOptions,
): GenerateRequest {
  if (config.architecture === 'classifier') throw new UserError('a sequence classifier generates no text; use classify')
  const settings = settle(options, defaults, { seed: randomSeed() })
  const end = defaults.eosTokens ?? config.eosTokens ?? (config.eosToken === null ? [] : [config.eosToken])
  return {
    kind: 'generate',
    session,
    prompt: tokenIds(prompt, config.vocabSize),
    settings,
    eos: settings.ignoreEos ? [] : end,
    routes: options.routes ?? false,
    probabilities: options.probabilities ?? false,
    progress: options.onPromptProgress !== undefined,
  }
}
