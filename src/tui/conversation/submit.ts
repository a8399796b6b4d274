import type { Chat } from './chat.js'
import { runCommand } from './commands.js'
import { mayRunAnyTime, parseSlash } from './slash-commands.js'

/**
 * Sends a line that the user has written; if the chat is busy, queues it, unless it is a command that need not wait.
 */
export function submit(chat: Chat, line: string): void {
  const command = parseSlash(line)
  if (chat.state === 'idle' || (command && mayRunAnyTime(command.name))) void send(chat, line)
  else chat.enqueue(line)
}

/** Runs a command or asks a question; afterwards sends the lines that queued up meanwhile. */
async function send(chat: Chat, line: string): Promise<void> {
  const command = parseSlash(line)
  if (command) chat.say('command', line)
  await (command ? runCommand(chat, command) : chat.ask(line))
  const next = chat.dequeue()
  if (next !== undefined) await send(chat, next)
}
