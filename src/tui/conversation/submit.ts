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

/** Shows the tokens of a conversation that was loaded on the map, and begins to walk over them. */
export function walkOverAnswers(chat: Chat): Promise<void> {
  return thenQueue(chat, async () => {
    if ((await chat.answers.readAgain()) && chat.input.text === '') chat.map.walk(-1)
    chat.changed()
  })
}

/** Runs a command or asks a question. */
function send(chat: Chat, line: string): Promise<void> {
  const command = parseSlash(line)
  if (command) chat.say('command', line)
  return thenQueue(chat, () => (command ? runCommand(chat, command) : chat.ask(line)))
}

/** Does work, and afterwards sends the lines that queued up meanwhile. */
export async function thenQueue(chat: Chat, work: () => Promise<unknown>): Promise<void> {
  await work()
  const next = chat.dequeue()
  if (next !== undefined) await send(chat, next)
}
