import type { EncodeAsyncOptions } from '../../api/text.js'
import { ApiError } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'

/** Encodes a prompt. Rejects with an ApiError, without encoding all of it, if it is too long for the context. */
export async function encodePrompt(
  { model, limits }: Pick<ServerContext, 'model' | 'limits'>,
  text: string,
  options: EncodeAsyncOptions,
): Promise<number[]> {
  // The last position is for the first token of the answer.
  const most = limits.contextTokens - 1
  const tokens = await model.tokenizer.encodeUpTo(text, most, options)
  if (tokens) return tokens
  const message = `the prompt has more than ${most} tokens; the limit is ${limits.contextTokens}, including the answer`
  throw new ApiError(400, message, { param: 'prompt', code: 'context_length_exceeded' })
}
