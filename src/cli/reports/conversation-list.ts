import { isAbsolute } from 'node:path'
import type { ConversationInfo } from '../../chat/conversations/conversation-info.js'
import { Conversations } from '../../chat/conversations/conversations.js'
import { fit } from '../../ground/output/cell-width.js'
import { alignColumns } from '../../ground/output/table.js'
import { nameOfPath } from '../../library/finding/name-of-path.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'

/**
 * Prints the kept conversations, the latest first: id, time of the last change, messages, model and title, on lines that
 * fit the terminal. In a pipe, columns are separated by tabs and times are in ISO 8601.
 */
export async function listConversations(options: OutputOptions & { json?: boolean }): Promise<void> {
  const conversations = Conversations.at()
  const infos = await conversations.list((reason) => options.quiet || note(`left out: ${reason}`))
  if (options.json) return writeJson(infos.map(asJson))
  if (!process.stdout.isTTY) {
    const lines = infos.map((info) => cells(info, info.changed.toISOString()).join('\t'))
    return writeOut(lines.map((line) => `${line}\n`).join(''))
  }
  const rows = infos.map((info) => cells(info, minuteOf(info.changed)))
  const lines = alignColumns(rows, [2]).split('\n')
  await writeOut(lines.map((line) => fit(line, process.stdout.columns)).join('\n'))
  if (infos.length === 0 && !options.quiet) note("no conversations yet; 'molm chat' begins one")
}

function cells({ id, messages, model, title }: ConversationInfo, changed: string): string[] {
  return [id, changed, String(messages), modelTitle(model), title]
}

/** The name of a model. A conversation has a path if the model has no name. */
export function modelTitle(model: string): string {
  return isAbsolute(model) ? nameOfPath(model) : model
}

/** The local time, to the minute. */
function minuteOf(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

function asJson({ id, name, title, model, messages, created, changed, path }: ConversationInfo) {
  return { id, name: name ?? null, title, model, messages, created, changed, path }
}

/** Deletes a kept conversation and its cache. Rejects with a UserError if none or several have the name, or it is open. */
export async function deleteConversation(name: string, { quiet }: OutputOptions): Promise<void> {
  const conversations = Conversations.at()
  const info = await conversations.find(name)
  await conversations.remove(info)
  if (!quiet) note(`deleted ${info.id}: ${info.title}`)
}
