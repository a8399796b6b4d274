import { Hono } from 'hono'
import { z } from 'zod'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { withFieldNames } from '../../http/rename-fields.js'
import { respond } from '../../http/respond.js'
import { beginChat } from '../begin-chat.js'
import { only } from '../body-fields.js'
import { chatNulls } from '../chat-body.js'
import { toolFields } from '../tool-fields.js'
import { ollamaFields, ollamaName, ollamaNulls, sharedFields } from './fields.js'
import { loaded } from './loaded.js'
import { ollamaMessages } from './messages.js'
import { ChatReply } from './reply.js'

export const ollamaChatBody = z.strictObject({
  ...ollamaFields,
  messages: ollamaMessages.optional(),
  tools: toolFields.tools,
  template: only(''),
})

const nulls = { ...ollamaNulls, tools: chatNulls.tools, messages: chatNulls.messages }

/** `POST /api/chat`: the next message of a conversation, in the form of ollama's API. */
export function ollamaChatRoutes(context: ServerContext): Hono {
  const app = new Hono()
  app.post('/api/chat', async (c) => {
    const startedAt = performance.now()
    const body = await readBody(c, ollamaChatBody, context, nulls)
    const { messages = [], tools, model = context.id } = body
    if (messages.length === 0)
      return c.json(loaded(model, body.keep_alive, { message: { role: 'assistant', content: '' } }))
    const asked = { ...sharedFields(body), messages, tools }
    return respond(c, context, asked.stream, async (ticket) => {
      const room = body.options?.num_ctx ?? context.limits.contextTokens
      const begun = await withFieldNames(ollamaName, () => beginChat(context, asked, ticket, room))
      return new ChatReply({ ...begun, context, model, scores: body.logprobs, startedAt })
    })
  })
  return app
}
