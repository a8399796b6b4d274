// Keeps conversations in another process, as argv says, until it is done or killed.
import { execFileSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import type { KeptConversation } from '#molm/chat/conversations/kept-conversation.js'
import { stateAt, type TaggedStep } from './conversation-steps.js'

const [work, folder, ...args] = process.argv.slice(2)
const conversations = Conversations.at(folder)

/** Sends a value to the parent, and waits until it is written. */
const say = (value: unknown) =>
  new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(value)}\n`, () => resolve()))

async function latest(): Promise<KeptConversation> {
  const info = await conversations.latest()
  return info ? conversations.open(info) : conversations.begin(stateAt({ step: 0 }))
}

/** Keeps one state after another, and says each that is on the disk. */
async function keepOn(first: number): Promise<void> {
  const conversation = await latest()
  for (let step = first; ; step++) {
    await conversation.keep(stateAt({ step }))
    await say(step)
  }
}

/** Opens a conversation at the same time as other processes, and adds its own turns. */
async function keepBeside(tag: string, steps: number, id: string): Promise<void> {
  await say('ready')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  const conversation = await conversations.open(await conversations.find(id))
  const base = conversation.state.messages
  await say('open')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  for (let step = 1; step <= steps; step++) {
    const own: TaggedStep = { step, tag }
    await conversation.keep({ ...conversation.state, messages: [...base, ...stateAt(own).messages] })
  }
  await say({ id: conversation.id, isCopy: conversation.isCopy })
  // All of them have it open until all are done.
  await new Promise((resolve) => process.stdin.once('end', resolve).resume())
  await conversation.close()
}

/** Fills the small disk that the folder is on, makes room again, and then makes it read-only. */
async function fillDisk(): Promise<void> {
  const message = (error: unknown) => (error as Error).message
  const conversation = await latest()
  const filler = join(folder, 'filler')
  await conversation.keep(stateAt({ step: 1 }))
  await writeFile(filler, Buffer.alloc(2 ** 20)).catch(() => undefined)
  await say(await conversation.keep(stateAt({ step: 9 })).then(() => 'kept', message))
  await rm(filler)
  await say(await conversation.keep(stateAt({ step: 9 })).then(() => 'kept', message))
  await conversation.close()
  execFileSync('mount', ['-o', 'remount,ro', folder])
  const again = await latest()
  await say(again.state.messages.length)
  await say(again.copyReason)
  await say(await again.keep(stateAt({ step: 12 })).then(() => 'kept', message))
  await again.close()
}

if (work === 'keep') await keepOn(Number(args[0]))
else if (work === 'beside') await keepBeside(args[0], Number(args[1]), args[2])
else await fillDisk()
