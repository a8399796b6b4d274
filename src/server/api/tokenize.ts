import type { Hono } from 'hono'
import * as z from 'zod'
import { specialTokens } from '../../text/tokenizer/definition/special-tokens.js'
import { ApiError, refused } from '../common/api-error.js'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { respondOnce } from '../http/respond.js'
import { flag, isTokenId, text } from './fields.js'
import { tokenizerFiles } from './tokenizer-files.js'

/** Unlike `prompt`, names the wrong element. */
export const tokenIds = z.unknown().transform((list, { issues }): number[] => {
  const wrong = (message: string, ...path: number[]) => {
    issues.push({ code: 'custom', input: list, message, path })
    return z.NEVER
  }
  if (list === undefined) return wrong('is missing')
  if (!Array.isArray(list)) return wrong('must be a list of token ids')
  const at = list.findIndex((id) => !isTokenId(id))
  return at < 0 ? list : wrong('must be a token id', at)
})

const tokenizeBody = z.strictObject({
  model: text.optional(),
  prompt: text,
  add_special_tokens: flag.optional(),
  return_token_strs: flag.optional(),
})

const detokenizeBody = z.strictObject({ model: text.optional(), tokens: tokenIds })

/** `/tokenize`, `/detokenize` and `/tokenizer_info`, in vLLM's form, which evaluation programs expect. */
export function tokenizeRoutes(app: Hono, context: ServerContext): void {
  const { model, limits } = context
  app.post('/tokenize', async (c) => {
    const body = await readBody(c, tokenizeBody, context)
    const { prompt, add_special_tokens: addSpecialTokens = true, return_token_strs: withTexts } = body
    return respondOnce(c, context, async ({ signal }) => {
      const most = limits.promptTokens
      const tokens = await model.tokenizer.encodeUpTo(prompt, most, { addSpecialTokens, signal })
      if (!tokens) throw refused('prompt', `the text has more than ${most} tokens, the limit per request`)
      const token_strs = withTexts ? tokens.map((token) => model.tokenizer.token(token)) : null
      return { count: tokens.length, max_model_len: limits.contextTokens, tokens, token_strs }
    })
  })
  app.post('/detokenize', async (c) => {
    const { tokens } = await readBody(c, detokenizeBody, context)
    return respondOnce(c, context, async ({ signal }) => {
      return { prompt: await model.tokenizer.decodeAsync(tokens, { signal }) }
    })
  })
  app.get('/tokenizer_info', async (c) => c.json(await tokenizerInfo(context)))
}

/** tokenizer_config.json without its list of added tokens, and with special tokens and the template as texts. */
async function tokenizerInfo({ model, limits }: ServerContext): Promise<object> {
  if (!model.hasTokenizer) throw new ApiError(404, 'the model has no tokenizer')
  const { config, specialMap, template } = await tokenizerFiles(model)
  const { added_tokens_decoder, chat_template, ...rest } = config
  const tokenOf = (id: number | null) => (id === null ? null : model.tokenizer.token(id))
  return {
    tokenizer_class: null,
    pad_token: null,
    ...rest,
    bos_token: tokenOf(model.config.bosToken),
    eos_token: tokenOf(model.config.eosToken),
    ...specialTokens(config, specialMap).byRole,
    chat_template: template,
    model_max_length: limits.contextTokens,
    vocab_size: model.tokenizer.vocabSize,
  }
}
