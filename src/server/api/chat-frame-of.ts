import { UserError } from '../../errors.js'
import { type ChatFrame, systemDropped, writeChat } from '../../text/chat-frame.js'
import { ApiError } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import { withFields } from '../http/errors.js'
import type { ChatBody } from './chat-body.js'
import { constraintOf } from './constraint-fields.js'
import { thinkingOf } from './thinking-fields.js'
import { toolsOf } from './tool-fields.js'

/** A framed conversation. */
export interface FramedBody extends ChatFrame {
  /** Field whose grammar is part of the guide; absent if the guide has none. */
  asks?: string
}

/**
 * Frames a body's conversation. Without a template, the system text comes first and without a name, as in the terminal.
 * Rejects with an ApiError if fields exclude each other, and with a UserError if the model cannot do what they ask.
 */
export async function chatFrameOf(body: ChatBody, context: ServerContext, signal: AbortSignal): Promise<FramedBody> {
  const { chatTemplate: template, tokenizer } = context.model
  const { field, ...constraint } = constraintOf(body, context)
  const asked = toolsOf(body, context)
  const [first, ...others] = body.messages
  const isSystem = first.role === 'system' && others.length > 0
  const system = isSystem ? first.content : ''
  const options = {
    ...thinkingOf(body),
    ...asked,
    ...constraint,
    template,
    tokenizer,
    model: context.id,
    system,
    signal,
  }
  try {
    const frame = await writeChat(isSystem ? others : body.messages, options)
    const notes = frame.dropsSystem ? [...frame.notes, systemDropped(context.id)] : frame.notes
    const asks = field ?? (asked.tools && 'tools')
    return { ...frame, notes: notes.map(withFields), asks }
  } catch (error) {
    const isForTools = asked.tools && error instanceof UserError && /\btools?\b/.test(error.message)
    throw isForTools ? new ApiError(400, withFields(error.message), { param: 'tools' }) : error
  }
}
