import type { ChatMessage, ChatTemplate, TemplateMessage, ToolCall } from '../../api/text.js'

/** A template's own ways, by the names that its source contains. */
export interface TemplateWays {
  /** Fields for an assistant's thoughts. */
  thinkingFields: string[]
  /** It writes one call a message. */
  hasOneCall: boolean
  /** It refuses ids that are not 9 letters and digits. */
  hasShortIds: boolean
  /** It reads results of tools from the message with their calls. */
  foldsResults: boolean
  /** It writes calls only if they are part of the content, as Granite's templates before 4. */
  hasCallsInContent: boolean
}

export function waysOf(template: ChatTemplate): TemplateWays {
  const mentions = (...texts: string[]) => texts.some((text) => template.mentions?.(text))
  const isField = (name: string) => mentions(`.${name}`, `'${name}'`, `"${name}"`)
  return {
    thinkingFields: ['reasoning_content', 'thinking', 'reasoning'].filter(isField),
    hasOneCall: mentions('tool_calls[0]'),
    hasShortIds: mentions('[TOOL_CALLS]'),
    foldsResults: isField('tool_responses') && !isField('tool_call_id'),
    hasCallsInContent: mentions('<|tool_call|>') && !isField('tool_calls'),
  }
}

/** Messages as chat templates read them: the fields of OpenAI's API, with the arguments of calls as objects. */
export function templateMessages(messages: readonly ChatMessage[], ways: TemplateWays): TemplateMessage[] {
  const named = withNames(messages)
  const separate = ways.hasOneCall ? oneCallEach(named) : named
  const written = separate.map((message) => templateMessage(message, ways))
  if (ways.hasCallsInContent) return written.map(withCallsInContent)
  return ways.foldsResults ? foldResults(written) : written
}

/** The messages in the forms of calls that templates expect: the usual one first. */
export function callForms(messages: readonly TemplateMessage[]): (readonly TemplateMessage[])[] {
  const asTexts = messages.map(withTextArguments)
  return [
    messages,
    asTexts,
    // Some templates know a call by the lack of a content.
    asTexts.map((message) => (callsOf(message) && message.content === '' ? { ...message, content: null } : message)),
    // Some have room for thoughts or a content before a call, not for both.
    messages.map((message) => (callsOf(message) ? { ...message, content: '' } : message)),
  ]
}

/** The messages without calls; the same list if there are none. */
export function withoutCalls(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  if (!messages.some(callsOf)) return messages
  return messages.map((message) => {
    const { tool_calls: _, ...rest } = message as { role: string; tool_calls?: unknown }
    return rest
  })
}

/** The messages with other results of tools; the same list if there are none. */
export function withOtherResults(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  if (!messages.some(isResult)) return messages
  return messages.map((message) => (isResult(message) ? { ...message, content: `${message.content}.` } : message))
}

function isResult({ role }: TemplateMessage): boolean {
  return role === 'tool' || role === 'tool_response'
}

function withTextArguments(message: TemplateMessage): TemplateMessage {
  const calls = callsOf(message)
  if (!calls) return message
  const asTexts = calls.map(({ function: { name, arguments: args }, ...call }) => ({
    ...call,
    function: { name, arguments: JSON.stringify(args) },
  }))
  return { ...message, tool_calls: asTexts }
}

interface TemplateCall {
  id: string
  type: 'function'
  function: { name: string; arguments: unknown }
}

function callsOf(message: TemplateMessage): TemplateCall[] | undefined {
  return (message as { tool_calls?: TemplateCall[] }).tool_calls
}

/** Absent fields are left out: templates ask whether they are defined. */
function templateMessage(message: ChatMessage, ways: TemplateWays): TemplateMessage {
  const { role, content, thinking, toolCalls, toolCallId, name } = message
  const idOf = ways.hasShortIds ? shortId : (id: string) => id
  const calls = toolCalls?.map(
    ({ id, name, arguments: args }): TemplateCall => ({
      id: idOf(id),
      type: 'function',
      function: { name, arguments: args },
    }),
  )
  return {
    role,
    content,
    ...(thinking && Object.fromEntries(ways.thinkingFields.map((field) => [field, thinking]))),
    ...(calls?.length && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: idOf(toolCallId) }),
    ...(name !== undefined && { name }),
  }
}

/** Adds the name of the tool to each result. */
function withNames(messages: readonly ChatMessage[]): ChatMessage[] {
  const names = new Map<string, string>()
  return messages.map((message) => {
    for (const { id, name } of message.toolCalls ?? []) names.set(id, name)
    const name = message.name ?? names.get(message.toolCallId ?? '')
    return message.role === 'tool' && name !== undefined ? { ...message, name } : message
  })
}

/** Gives each call its own message, with its result behind it. */
function oneCallEach(messages: readonly ChatMessage[]): ChatMessage[] {
  const separate: ChatMessage[] = []
  for (let i = 0; i < messages.length; i++) {
    const { toolCalls: calls = [], ...message } = messages[i]
    if (calls.length < 2) {
      separate.push(messages[i])
      continue
    }
    const results: ChatMessage[] = []
    while (messages[i + 1]?.role === 'tool') results.push(messages[++i])
    const isResultOf = (call: ToolCall) => (result: ChatMessage) => result.toolCallId === call.id
    calls.forEach((call, at) => {
      const { role } = message
      const begin: ChatMessage = at === 0 ? message : { role, content: '' }
      separate.push({ ...begin, toolCalls: [call] }, ...results.filter(isResultOf(call)))
    })
    separate.push(...results.filter((result) => !calls.some((call) => isResultOf(call)(result))))
  }
  return separate
}

/** Moves results of tools into the message with their calls, as Gemma's first templates want them. */
function foldResults(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const folded: TemplateMessage[] = []
  let holder: { tool_responses: object[] } | undefined
  for (const message of messages) {
    if (message.role === 'tool' && holder) {
      const { name, content } = message as ChatMessage
      holder.tool_responses.push({ name, response: content })
      continue
    }
    const calls = callsOf(message)
    holder = calls && { ...message, tool_responses: [] }
    folded.push((holder as TemplateMessage | undefined) ?? message)
  }
  return folded
}

/** Writes calls as Granite's models before 4 do, and gives results the role that they know. */
function withCallsInContent(message: TemplateMessage): TemplateMessage {
  const calls = callsOf(message)
  if (message.role === 'tool') return { ...message, role: 'tool_response' }
  if (!calls) return message
  const list = JSON.stringify(calls.map(({ function: called }) => called))
  return { role: message.role, content: `${message.content}<|tool_call|>${list}` }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const SHORT_ID = /^[A-Za-z0-9]{9}$/

/** An id of 9 letters and digits, always the same for the same id. */
function shortId(id: string): string {
  if (SHORT_ID.test(id)) return id
  // FNV-1a in 54 bits, from two halves with different beginnings.
  let [a, b] = [0x811c9dc5, 0x01000193]
  for (let i = 0; i < id.length; i++) {
    a = Math.imul(a ^ id.charCodeAt(i), 0x01000193)
    b = Math.imul(b ^ id.charCodeAt(i), 0x85ebca6b)
  }
  let value = (a >>> 0) * 2 ** 21 + (b >>> 11)
  let short = ''
  for (let i = 0; i < 9; i++) {
    short += LETTERS[value % LETTERS.length]
    value = Math.floor(value / LETTERS.length)
  }
  return short
}
