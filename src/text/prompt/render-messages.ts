import type { TemplateMessage } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { callForms, withOtherResults, withoutCalls } from './template-messages.js'

export type Render = (messages: readonly TemplateMessage[]) => Promise<string>

/** A rendered conversation, and its parts that the template leaves out. */
export interface Rendered {
  text: string
  dropsSystem: boolean
  dropsResults: boolean
}

/**
 * Finds the form of calls that a template writes: templates differ in what they expect, and some leave out or refuse
 * what they do not. The messages are unchanged if no form is right.
 */
export async function fittingMessages(
  messages: readonly TemplateMessage[],
  render: Render,
): Promise<{ messages: readonly TemplateMessage[]; dropsCalls: boolean }> {
  if (withoutCalls(messages) === messages) return { messages, dropsCalls: false }
  let isAccepted = false
  for (const form of callForms(messages)) {
    const text = await unlessRefused(render(form))
    if (text === undefined) continue
    if (text !== (await unlessRefused(render(withoutCalls(form))))) return { messages: form, dropsCalls: false }
    isAccepted = true
  }
  return { messages, dropsCalls: isAccepted }
}

/**
 * Renders a conversation with and without some of its parts: equal texts prove that the template leaves them out.
 * Rejects with the template's error; it says if the template takes the conversation without the system text.
 */
export async function renderMessages(messages: readonly TemplateMessage[], render: Render): Promise<Rendered> {
  const others = messages.filter(({ role }) => role !== 'system')
  const hasSystem = others.length > 0 && others.length < messages.length
  const withoutSystem = hasSystem ? await unlessRefused(render(others)) : undefined
  try {
    const text = await render(messages)
    const changed = withOtherResults(messages)
    const dropsResults = changed !== messages && text === (await unlessRefused(render(changed)))
    return { text, dropsSystem: text === withoutSystem, dropsResults }
  } catch (error) {
    if (!(error instanceof UserError) || withoutSystem === undefined) throw error
    throw new UserError(`${error.message}; without the system text it does`)
  }
}

/** A rendered text; undefined if the template refuses the messages. */
export async function unlessRefused(rendered: Promise<string>): Promise<string | undefined> {
  try {
    return await rendered
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}
