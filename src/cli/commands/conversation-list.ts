import { isAbsolute } from 'node:path'
import type { ConversationInfo } from '../../chat/conversations/conversation-info.js'
import { Conversations, shortId } from '../../chat/conversations/conversations.js'
import { fit } from '../../ground/output/cell-width.js'
import { alignColumns } from '../../ground/output/table.js'
import { nameOfPath } from '../../library/folders/model-folders.js'
import { note, type OutputOptions, writeJson, writeOut } from '../io/output.js'

/**
 * Prints the kept conversations, the latest first, on lines that fit the terminal: the end of the id, the time of the last
 * change, model and title. In a pipe: id, time in ISO 8601, messages, model and title, separated by tabs.
 */
export async function listConversations(options: OutputOptions & { json?: boolean }): Promise<void> {
  const conversations = Conversations.at()
  const infos = await conversations.list((reason) => options.quiet || note(`left out: ${reason}`))
  if (options.json) return writeJson(infos.map(asJson))
  if (!process.stdout.isTTY) {
    const lines = infos.map(({ id, changed, messages, model, title }) =>
      [id, changed.toISOString(), messages, isAbsolute(model) ? nameOfPath(model) : model, title].join('\t'),
    )
    return writeOut(lines.map((line) => `${line}\n`).join(''))
  }
  await writeOut(tableOf(infos, process.stdout.columns))
  if (options.quiet) return
  if (infos.length === 0) return note("no conversations yet; 'molm chat' begins one")
  note(`'molm chat --resume ${shortId(infos[0], infos)}' continues the first`)
}

/** The lines of a list at a terminal. */
export function tableOf(infos: readonly ConversationInfo[], columns: number, now = new Date()): string {
  const today = dayOf(now)
  const rows = infos.map((info) => {
    const day = dayOf(info.changed)
    const changed = day === today ? timeOf(info.changed) : day
    return [shortId(info, infos), changed, fit(nameOfPath(info.model), 24), info.title]
  })
  const lines = alignColumns(rows).split('\n')
  return lines.map((line) => fit(line, columns)).join('\n')
}

/** The local date. */
function dayOf(date: Date): string {
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
}

function timeOf(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}

const two = (value: number) => String(value).padStart(2, '0')

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
