import type { AskOptions, Tool } from '../../api/chat-options.js'
import type { ChatMessage, ChatTemplate, TemplateMessage } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { type Message, phrase } from '../../ground/message.js'
import { THINKING_FIELDS, type ThinkingForm, thinkingOf } from '../answers/thinking-form.js'
import { ToolError } from './asked.js'
import type { LiteralTexts } from './literal-texts.js'
import { closedThoughts, type PromptThoughts, promptThoughts } from './prompt-thoughts.js'
import { callForms, templateMessages, waysOf, withOtherResults, withoutCalls } from './template-messages.js'
import { isSwitchedOff, noBudget, switchThinking } from './think-switch.js'

interface TemplatePromptOptions extends Pick<AskOptions, 'think' | 'thinkBudget'> {
  template: ChatTemplate
  /** Writes the texts of tools. */
  literals?: LiteralTexts
  /** Name of the model, for notes and errors. */
  model: string
  args?: Readonly<Record<string, unknown>>
  continues: boolean
  tools: readonly Tool[]
  /** Whether the answer must be a call, or have a form. */
  isForced: boolean
  signal?: AbortSignal
}

/** A conversation as a template writes it. */
export interface TemplatePrompt {
  text: string
  notes: Message[]
  dropsSystem: boolean
  /** Form of the thoughts, if the model thinks. */
  form?: ThinkingForm
  /** Thoughts at the end of the prompt; absent if the model does not think, or if an answer continues. */
  thoughts?: PromptThoughts
}

/** Writes a conversation. Rejects with a UserError if the template refuses it or leaves out tools, calls or results. */
export async function templatePrompt(
  conversation: readonly ChatMessage[],
  options: TemplatePromptOptions,
): Promise<TemplatePrompt> {
  const { template, literals, model, args = {}, continues, tools, isForced, think, thinkBudget, signal } = options
  if (tools.length > 0 && !template.response?.fields.tool_calls) throw callsNoTools(model, template)
  const renderWith =
    (args: Readonly<Record<string, unknown>>): Render =>
    (some) =>
      template.render(some, { addGenerationPrompt: !continues, continueFinalMessage: continues, args, signal })
  const written = templateTools(tools)
  const given = tools.length > 0 ? { ...args, tools: literals?.value(written) ?? written } : args
  const { messages, dropsCalls } = await fittingMessages(
    templateMessages(conversation, waysOf(template)),
    renderWith(given),
  )
  if (dropsCalls) throw new ToolError(`${model}'s chat template leaves calls of tools out`)
  const form = thoughtsOf(template)
  const hasThoughts = thinksBy(template)
  const canClose = form !== undefined
  const render = (variables: object) => unlessRefused(renderWith({ ...variables, ...given })(messages))
  const probe = { mentions: mentionsIn(template), render }
  const switched = think && (await switchThinking({ ...probe, think, args, model, hasThoughts, canClose }))
  const { variables = {}, closes = false } = switched ?? {}
  // There is no place for closed thoughts before content that has begun.
  const notes = closes && continues ? [] : [...(switched?.notes ?? [])]
  const { text, dropsSystem, dropsResults } = await renderMessages(messages, renderWith({ ...variables, ...given }))
  if (dropsResults) throw new ToolError(`${model}'s chat template leaves results of tools out`)
  if (tools.length > 0 && text === (await unlessRefused(renderWith({ ...variables, ...args })(messages)))) {
    throw new ToolError(`${model} cannot use tools: its chat template leaves them out`)
  }
  const ignoresBudget = thinkBudget !== undefined && think !== 'off' && !form
  if (ignoresBudget && (hasThoughts || notes.length === 0)) notes.push(noBudget(model, hasThoughts))
  const all = { text, notes, dropsSystem, form }
  if (!form || continues) return all
  const found = promptThoughts(text, form)
  // A small model that does not know what to write in the form would think without end in its place.
  const mayBeOff = isForced && !think && thinkBudget === undefined && found.place === 'ahead'
  if (mayBeOff && (await isSwitchedOff(text, probe))) return { ...all, thoughts: { ...found, place: 'closed' } }
  const thoughts = closes || thinkBudget === 0 ? closedThoughts(found, form, tools.length > 0) : found
  return { ...all, text: text + thoughts.added, thoughts }
}

type Render = (messages: readonly TemplateMessage[]) => Promise<string>

/**
 * Finds the form of calls that a template writes: templates differ in what they expect, and some leave out or refuse
 * what they do not. The messages are unchanged if no form is right.
 */
async function fittingMessages(
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
async function renderMessages(messages: readonly TemplateMessage[], render: Render) {
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
    throw new UserError(phrase`${error}; without the system text it does`)
  }
}

/** A rendered text; undefined if the template refuses the messages. */
async function unlessRefused(rendered: Promise<string>): Promise<string | undefined> {
  try {
    return await rendered
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

/** Tools as templates expect them. They read descriptions and properties without asking whether there are any. */
function templateTools(tools: readonly Tool[]) {
  return tools.map(({ name, description = '', parameters = {} }) => {
    const schema = JSON.parse(JSON.stringify(parameters))
    return {
      type: 'function' as const,
      function: { name, description, parameters: { type: 'object', properties: {}, ...schema } },
    }
  })
}

/** An error that says which models call tools. */
export function callsNoTools(model: string, template?: ChatTemplate): ToolError {
  const callers = 'models of Granite, Qwen3, LFM2 and gpt-oss'
  if (!template)
    return new ToolError(`${model} cannot use tools: it has no chat template; ${callers} can: molm pull NAME`)
  return new ToolError(
    mentionsIn(template)('tools')
      ? `${model} calls tools in a form that molm does not know; it knows that of ${callers}: molm pull NAME`
      : `${model} was not trained to call tools; ${callers} were: molm pull NAME`,
  )
}

/** Form of a model's thoughts; undefined if its template never names them. */
export function thoughtsOf(template: ChatTemplate): ThinkingForm | undefined {
  const form = thinkingOf(template.response)
  const mentions = mentionsIn(template)
  return form && (mentions(form.open.trim()) || mentions(form.close.trim())) ? form : undefined
}

/** Whether a model's answers have thoughts, in a form that is known or not. */
export function thinksBy(template: ChatTemplate): boolean {
  const { fields = {} } = template.response ?? {}
  const isKnown = thinkingOf(template.response) !== undefined
  return isKnown ? thoughtsOf(template) !== undefined : THINKING_FIELDS.some((name) => fields[name])
}

/** A template without a source may have any text. */
export function mentionsIn(template: ChatTemplate): (text: string) => boolean {
  return (text) => template.mentions?.(text) ?? true
}
