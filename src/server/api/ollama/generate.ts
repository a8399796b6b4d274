import { Hono } from 'hono'
import { z } from 'zod'
import { ApiError } from '../../common/api-error.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { withFieldNames } from '../../http/rename-fields.js'
import { respond } from '../../http/respond.js'
import type { Ticket } from '../../run/ticket.js'
import { type BegunChat, beginChat } from '../begin-chat.js'
import { type BegunCompletion, beginCompletion } from '../begin-completion.js'
import { flag, only, text } from '../body-fields.js'
import { ollamaFields, ollamaName, ollamaNulls, sharedFields } from './fields.js'
import { loaded } from './loaded.js'
import { GenerateReply } from './reply.js'

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

/** `POST /api/generate`: an answer to a prompt, or a text that continues it, in the form of ollama's API. */
export function ollamaGenerateRoutes(context: ServerContext): Hono {
  const app = new Hono()
  app.post('/api/generate', async (c) => {
    const startedAt = performance.now()
    const body = await readBody(c, generateBody, context, ollamaNulls)
    const { model = context.id, keep_alive: keepAlive } = body
    if (!body.prompt && !body.suffix) return c.json(loaded(model, keepAlive, { response: '' }))
    return respond(c, context, body.stream ?? true, async (ticket) => {
      const begun = await withFieldNames(ollamaName, () => begin(context, body, ticket))
      return new GenerateReply({ ...begun, context, model, scores: body.logprobs, startedAt })
    })
  })
  return app
}

/** Begins a text that continues the prompt, or one that fills a gap, or else an answer by the chat template. */
async function begin(context: ServerContext, body: GenerateBody, ticket: Ticket): Promise<BegunCompletion | BegunChat> {
  const { prompt = '', suffix = '', system = '', raw = false } = body
  const shared = sharedFields(body)
  const room = body.options?.num_ctx ?? context.limits.contextTokens
  const isPlain = raw || suffix !== '' || !context.model.chatTemplate
  if (!isPlain) {
    const question = { role: 'user', content: prompt }
    const messages = system === '' ? [question] : [{ role: 'system', content: system }, question]
    return beginChat(context, { ...shared, messages }, ticket, room)
  }
  if (system !== '') {
    const why = raw ? '"raw"' : suffix !== '' ? '"suffix"' : 'a model without a chat template'
    throw new ApiError(400, `"system" has no effect with ${why}; put it into "prompt"`, { param: 'system' })
  }
  const { logprobs, top_logprobs, ...fields } = shared
  return beginCompletion(
    context,
    { ...fields, prompt, suffix, ...(logprobs && { logprobs: top_logprobs ?? 0 }) },
    ticket,
    room,
  )
}
