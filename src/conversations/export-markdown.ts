import type { ChatMessage } from '../api/text.js'
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
    ...(content.trim() === '' ? [] : [content]),
    ...toolCalls.flatMap((call) => [
      `### Call of ${escaped(call.name)}`,
      fenced(JSON.stringify(call.arguments, null, 2), 'json'),
    ]),
  ]
}

const HEADINGS: Readonly<Record<string, string>> = { user: 'User', assistant: 'Assistant', system: 'System' }

/** Thoughts that a click opens. Their own end tags must not end the fold. */
function folded(thinking: string): string {
  const text = thinking.trim().replace(/<(?=\/?\s*(details|summary)\b)/gi, '&lt;')
  return `<details>\n<summary>Thoughts</summary>\n\n${text}\n\n</details>`
}

/** A code block, whose fence is longer than any in the text. */
function fenced(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text.replace(/\n$/, '')}\n${fence}`
}

/** A text within a line. */
function escaped(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#|]/g, '\\$&')
}
