import type { Hono } from 'hono'
import { z } from 'zod'
import { refused } from '../../common/api-error.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { withFieldNames } from '../../http/errors.js'
import { respond } from '../../http/respond.js'
import type { Ticket } from '../../run/queue.js'
import { beginChat, beginCompletion } from '../begin.js'
import { flag, only, text } from '../field-types.js'
import { chatNulls, toolFields } from '../fields.js'
import { ollamaFields, ollamaName, ollamaNulls, sharedFields } from './fields.js'
import { ollamaMessages } from './messages.js'
import { OllamaReply } from './reply.js'

export const ollamaChatBody = z.strictObject({
  ...ollamaFields,
  messages: ollamaMessages.optional(),
  tools: toolFields.tools,
  template: only(''),
})
const chatBodyNulls = { ...ollamaNulls, tools: chatNulls.tools, messages: chatNulls.messages }

export const generateBody = z.strictObject({
  ...ollamaFields,
  prompt: text.optional(),
  suffix: text.optional(),
  system: text.optional(),
  raw: flag.optional(),
  template: only(''),
  context: only([]),
  images: only([]),
})
type GenerateBody = z.output<typeof generateBody>

/**
 * The endpoints of ollama's API that generate texts: `POST /api/chat`, the next message of a conversation, and
 * `POST /api/generate`, an answer to a prompt or a text that continues it.
 */
export function ollamaRoutes(app: Hono, context: ServerContext): void {
  app.post('/api/chat', async (c) => {
    const startedAt = performance.now()
    const body = await readBody(c, ollamaChatBody, context, chatBodyNulls)
    const { messages = [], tools, model = context.id } = body
    const fieldsOf = (content: string, part: object) => ({ message: { role: 'assistant', content, ...part } })
    if (messages.length === 0) return c.json(loaded(model, body.keep_alive, fieldsOf('', {})))
    const asked = { ...sharedFields(body), messages, tools }
    return respond(c, context, asked.stream, async (ticket) => {
      const room = body.options?.num_ctx ?? context.limits.contextTokens
      const begun = await withFieldNames(ollamaName, () => beginChat(context, asked, { ticket, room }))
      return new OllamaReply(begun, { context, model, scores: body.logprobs, startedAt, fieldsOf })
    })
  })
  app.post('/api/generate', async (c) => {
    const startedAt = performance.now()
    const body = await readBody(c, generateBody, context, ollamaNulls)
    const { model = context.id, keep_alive: keepAlive } = body
    const fieldsOf = (response: string, part: object) => ({ response, ...part })
    if (!body.prompt && !body.suffix) return c.json(loaded(model, keepAlive, fieldsOf('', {})))
    return respond(c, context, body.stream ?? true, async (ticket) => {
      const begun = await withFieldNames(ollamaName, () => begin(context, body, ticket))
      return new OllamaReply(begun, { context, model, scores: body.logprobs, startedAt, fieldsOf })
    })
  })
}

/** Begins a text that continues the prompt, or one that fills a gap, or else an answer by the chat template. */
async function begin(context: ServerContext, body: GenerateBody, ticket: Ticket) {
  const { prompt = '', suffix = '', system = '', raw = false } = body
  const shared = sharedFields(body)
  const room = body.options?.num_ctx ?? context.limits.contextTokens
  const isPlain = raw || suffix !== '' || !context.model.chatTemplate
  if (!isPlain) {
    const question = { role: 'user', content: prompt }
    const messages = system === '' ? [question] : [{ role: 'system', content: system }, question]
    return beginChat(context, { ...shared, messages }, { ticket, room })
  }
  if (system !== '') {
    const why = raw ? '"raw"' : suffix !== '' ? '"suffix"' : 'a model without a chat template'
    throw refused('system', `"system" has no effect with ${why}; put it into "prompt"`)
  }
  const { logprobs, top_logprobs, ...fields } = shared
  return beginCompletion(
    context,
    { ...fields, prompt, suffix, ...(logprobs && { logprobs: top_logprobs ?? 0 }) },
    { ticket, room },
  )
}

/** Answer to a request without a text, which only loads the model: it is loaded. Throws an ApiError if it is to be unloaded. */
function loaded(model: string, keepAlive: number | string | undefined, empty: object): object {
  if (Number.parseFloat(String(keepAlive)) !== 0) {
    return { model, created_at: new Date().toISOString(), ...empty, done: true, done_reason: 'load' }
  }
  const message = 'a request cannot unload the model; with `molm serve --idle TIME` the server does so itself'
  throw refused('keep_alive', message)
}
