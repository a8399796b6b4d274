import type { EncodeAsyncOptions } from '../../api/text.js'
import type { ServerContext } from '../http/context.js'
import { ApiError } from '../shared/api-error.js'

/** The tokens of a prompt. Rejects with an ApiError, without encoding all of it, if the context has no place for them. */
export async function encodePrompt(
  { model, limits }: Pick<ServerContext, 'model' | 'limits'>,
  text: string,
  options: EncodeAsyncOptions,
): Promise<number[]> {
  // The last place is that of the first token of the answer.
  const most = limits.contextTokens - 1
  const tokens = await model.tokenizer.encodeUpTo(text, most, options)
  if (tokens) return tokens
  const message = `the prompt has more than ${most} tokens; with the answer ${limits.contextTokens} is the most`
  throw new ApiError(400, message, { param: 'prompt', code: 'context_length_exceeded' })
}
