import { Conversations } from '../../conversations/conversations.js'
import { note, type OutputOptions } from '../io/output.js'

/** Deletes a kept conversation and its cache. Rejects with a UserError if none or several have the name, or it is open. */
export async function deleteConversation(name: string, { quiet }: OutputOptions): Promise<void> {
  const conversations = Conversations.at()
  const info = await conversations.find(name)
  await conversations.remove(info)
  if (!quiet) note(`deleted ${info.id}: ${info.title}`)
}
