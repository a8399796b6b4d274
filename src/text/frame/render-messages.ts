import type { TemplateMessage } from '../../api/text.js'
import { UserError } from '../../errors.js'
import { withoutPreambles, withTextArguments } from './template-messages.js'

export type Render = (messages: readonly TemplateMessage[]) => Promise<string>

/** A rendered conversation, and its parts that the template leaves out. */
export interface Rendered {
  text: string
  dropsSystem: boolean
  dropsResults: boolean
  dropsCalls: boolean
}

/**
 * Renders a conversation with and without some of its parts: equal texts prove that the template leaves them out.
 * Rejects with the template's error; it says if the template takes the conversation without the system text.
 */
export async function renderMessages(messages: readonly TemplateMessage[], render: Render): Promise<Rendered> {
  const others = messages.filter(({ role }) => role !== 'system')
  const hasSystem = others.length > 0 && others.length < messages.length
  const withoutSystem = hasSystem ? await renderedText(others, render).catch(() => undefined) : undefined
  try {
    const text = await renderedText(messages, render)
    return {
      text,
      dropsSystem: text === withoutSystem,
      dropsResults: await isEqual(text, messages, withoutResults(messages), render),
      dropsCalls: await isEqual(text, messages, withoutCalls(messages), render),
    }
  } catch (error) {
    if (!(error instanceof UserError) || withoutSystem === undefined) throw error
    throw new UserError(`${error.message}; without the system text it does`)
  }
}

/** Renders messages with calls in each form that templates know, until one is accepted. */
export async function renderedText(messages: readonly TemplateMessage[], render: Render): Promise<string> {
  if (!messages.some((message) => 'tool_calls' in message)) return render(messages)
  const forms = [messages, withTextArguments(messages), withoutPreambles(messages)]
  const errors: unknown[] = []
  for (const form of forms) {
    try {
      return await render(form)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      errors.push(error)
    }
  }
  throw errors[0]
}

async function isEqual(
  text: string,
  messages: readonly TemplateMessage[],
  fewer: readonly TemplateMessage[],
  render: Render,
): Promise<boolean> {
  if (fewer === messages) return false
  return text === (await renderedText(fewer, render).catch(() => undefined))
}

/** The messages with other results; the same list if there are none. */
function withoutResults(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  const isResult = ({ role }: TemplateMessage) => role === 'tool'
  if (!messages.some(isResult)) return messages
  return messages.map((message) => (isResult(message) ? { ...message, content: `${message.content}.` } : message))
}

/** The messages without calls; the same list if there are none. */
function withoutCalls(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  if (!messages.some((message) => 'tool_calls' in message)) return messages
  return messages.map((message) => {
    const { tool_calls: _, ...rest } = message as { role: string; tool_calls?: unknown }
    return rest
  })
}
