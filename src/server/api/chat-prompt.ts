import type { EncodeAsyncOptions } from '../../api/text.js'
import { UserError } from '../../errors.js'
import { type Prompt, writePrompt } from '../../session/prompt.js'
import { systemDropped } from '../../text/chat-frame.js'
import { ApiError } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import { withFields } from '../http/errors.js'
import type { ChatBody } from './chat-body.js'
import { constraintOf } from './constraint-fields.js'
import { encodePrompt } from './encode-prompt.js'
import { thinkingOf } from './thinking-fields.js'
import { toolsOf } from './tool-fields.js'

/** The prompt of a body's conversation. */
export interface ChatPrompt extends Prompt {
  /** Field whose grammar is part of the guide; absent if the guide has none. */
  asks?: string
}

/**
 * Writes the prompt of a body's conversation. Without a template, the system text comes first and without a name, as in
 * the terminal. Rejects with an ApiError if fields exclude each other, and with a UserError if the model cannot do what
 * they ask.
 */
export async function chatPrompt(body: ChatBody, context: ServerContext, signal: AbortSignal): Promise<ChatPrompt> {
  const { field, ...constraint } = constraintOf(body, context)
  const asked = toolsOf(body, context)
  const { args, ...thinking } = thinkingOf(body)
  const [first, ...others] = body.messages
  const isSystem = first.role === 'system' && others.length > 0
  const said = { messages: isSystem ? others : body.messages, system: isSystem ? first.content : '', args }
  const { chatTemplate, generationDefaults, tokenizer } = context.model
  const model = { chatTemplate, generationDefaults, tokenizer, name: context.id }
  const encode = (text: string, options: EncodeAsyncOptions) => encodePrompt(context, text, options)
  try {
    const prompt = await writePrompt(model, said, { ...thinking, ...asked, ...constraint }, { encode, signal })
    const notes = prompt.dropsSystem ? [...prompt.notes, systemDropped(context.id)] : prompt.notes
    return { ...prompt, notes: notes.map(withFields), asks: field ?? (asked.tools && 'tools') }
  } catch (error) {
    const isForTools = asked.tools && error instanceof UserError && /\btools?\b/.test(error.message)
    throw isForTools ? new ApiError(400, withFields(error.message), { param: 'tools' }) : error
  }
}
