import type { ChatMessage } from '../../api/text.js'
import type { ConversationInfo } from './conversation-info.js'
import type { ConversationState } from './conversation-state.js'

/** A conversation as a Markdown document: a heading for each turn, thoughts folded, calls and their results as code. */
export function conversationMarkdown(
  { messages, system, model }: ConversationState,
  { title, created }: Pick<ConversationInfo, 'title' | 'created'>,
): string {
  const parts = [
    `# ${escaped(title)}`,
    `${escaped(model)}, ${created.toISOString().slice(0, 10)}`,
    ...(system === '' ? [] : ['## System', system]),
    ...messages.flatMap(partsOf),
  ]
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`
}

function partsOf({ role, content, thinking, toolCalls = [], name }: ChatMessage): string[] {
  if (role === 'tool') return [`### Result${name === undefined ? '' : ` of ${escaped(name)}`}`, fenced(content)]
  return [
    `## ${HEADINGS[role] ?? escaped(role)}`,
    ...(thinking ? [folded(thinking)] : []),
    ...(content.trim() === '' ? [] : [withClosedFence(content)]),
    ...toolCalls.flatMap((call) => [
      `### Call of ${escaped(call.name)}`,
      fenced(JSON.stringify(call.arguments, null, 2), 'json'),
    ]),
  ]
}

const HEADINGS: Readonly<Record<string, string>> = { user: 'User', assistant: 'Assistant', system: 'System' }

/** Thoughts that a click opens. Their own end tags must not end the fold. */
function folded(thinking: string): string {
  const text = withClosedFence(thinking.trim()).replace(/<(?=\/?\s*(details|summary)\b)/gi, '&lt;')
  return `<details>\n<summary>Thoughts</summary>\n\n${text}\n\n</details>`
}

/**
 * Closes a code block that is open at the end of a text, as in an answer that was cut: the next heading would be code.
 * A fence within a list or a quote ends with it.
 */
function withClosedFence(text: string): string {
  let open = ''
  /** Columns of a list's marker: a fence that is indented by as many is in the list. */
  let list = Infinity
  let isAfterBlank = false
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, { length: indent } = '', sign, info] = /^( {0,3})(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (open !== '') {
      if (sign?.startsWith(open) && info.trim() === '') open = ''
      continue
    }
    const [marker] = /^(?:[-+*]|\d{1,9}[.)])(?=\s|$)/.exec(line) ?? []
    const isFence = sign !== undefined && !(sign[0] === '`' && info.includes('`'))
    if (isFence && indent < list) open = sign
    if (marker) list = marker.length + 1
    else if (open !== '' || (isAfterBlank && /^\S/.test(line))) list = Infinity
    isAfterBlank = line.trim() === ''
  }
  return open === '' ? text : `${text.replace(/\n$/, '')}\n${open}`
}

/** A code block, whose fence is longer than any in the text. */
function fenced(text: string, language = ''): string {
  let longest = 2
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text.replace(/\n$/, '')}\n${fence}`
}

/** A text within a line. */
function escaped(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#|]/g, '\\$&')
}
