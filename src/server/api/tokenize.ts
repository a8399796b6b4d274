import { type Context, Hono } from 'hono'
import { specialTokens } from '../../text/tokenizer/special-tokens.js'
import { ApiError } from '../common/api-error.js'
import { hasLargeBody } from '../http/bodies.js'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { onceAnswered } from '../http/once-answered.js'
import { detokenizeBody, tokenizeBody } from './schemas.js'
import { tokenizerFiles } from './tokenizer-files.js'

/** `/tokenize`, `/detokenize` and `/tokenizer_info`, in vLLM's form, which evaluation programs expect. */
export function tokenizeRoutes(context: ServerContext): Hono {
  const { model, limits } = context
  const app = new Hono()
  app.post('/tokenize', async (c) => {
    const body = await readBody(c, tokenizeBody, context)
    const { prompt, add_special_tokens: addSpecialTokens = true, return_token_strs: withTexts } = body
    return inQueue(c, context, async (signal) => {
      const most = limits.promptTokens
      const tokens = await model.tokenizer.encodeUpTo(prompt, most, { addSpecialTokens, signal })
      if (!tokens)
        throw new ApiError(400, `the text has more than ${most} tokens, the limit per request`, { param: 'prompt' })
      const token_strs = withTexts ? tokens.map((token) => model.tokenizer.token(token)) : null
      return { count: tokens.length, max_model_len: limits.contextTokens, tokens, token_strs }
    })
  })
  app.post('/detokenize', async (c) => {
    const { tokens } = await readBody(c, detokenizeBody, context)
    return inQueue(c, context, async (signal) => ({ prompt: await model.tokenizer.decodeAsync(tokens, { signal }) }))
  })
  app.get('/tokenizer_info', async (c) => c.json(await tokenizerInfo(context)))
  return app
}

/** Answers with the result of `work`. Meanwhile the request counts as waiting. */
async function inQueue(
  c: Context,
  { queue, answerMemory }: ServerContext,
  work: (signal: AbortSignal) => Promise<object>,
): Promise<Response> {
  const ticket = queue.enter(c.req.raw.signal, hasLargeBody(c.req))
  try {
    const text = JSON.stringify(await work(ticket.signal))
    onceAnswered(c, answerMemory.reserve(text.length))
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  } finally {
    ticket.leave()
  }
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
