import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { stateAt } from './conversation-steps.js'

const CHILD = fileURLToPath(new URL('./conversation-child.js', import.meta.url))

type Child = ChildProcessByStdio<Writable, Readable, null>

/** Starts a process that keeps conversations, and the lines that it says. */
export function start(args: string[], [command, ...before]: string[] = [process.execPath]) {
  const child: Child = spawn(command, [...before, CHILD, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return { child, closed: once(child, 'close'), say: async () => JSON.parse((await lines.next()).value ?? 'null') }
}

/** Kills a process once it has said this step, after a while. Resolves with the last step that it has said. */
async function killed(folder: string, first: number, at: number, delay: number): Promise<number> {
  const { child, closed } = start(['keep', folder, String(first)])
  let said = ''
  const last = () => Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))
  child.stdout.on('data', (bytes) => {
    said += bytes
  })
  while (!(last() >= at)) await once(child.stdout, 'data')
  if (delay > 0) await sleep(delay)
  child.kill('SIGKILL')
  await closed
  return last()
}

async function messagesIn(folder: string) {
  const [info, ...others] = await Conversations.at(folder).list()
  assert.equal(others, [])
  return (await Conversations.at(folder).stateOf(info)).messages
}

/**
 * Kills processes that continue one conversation, `delay` ms after a number of steps each. After a kill, the file
 * has the last kept state or the one after it.
 */
export async function survivesKills(folder: string, kills: readonly { steps: number; delay: number }[]): Promise<void> {
  let step = 0
  for (const [i, { steps, delay }] of kills.entries()) {
    const last = await killed(folder, step + 1, step + steps, delay)
    assert.ok(last > step)
    const messages = JSON.stringify(await messagesIn(folder))
    step = [last, last + 1].find((step) => JSON.stringify(stateAt({ step }).messages) === messages) ?? -1
    assert.ok(step > 0, `kill ${i}: neither the state of step ${last} nor the next`)
  }
}

/** Asserts that a conversation of killed processes can be continued, and that they leave no other file. */
export async function assertFree(folder: string): Promise<void> {
  const conversations = Conversations.at(folder)
  const conversation = await conversations.open((await conversations.list())[0])
  assert.not(conversation.isCopy, 'the lock of a killed process is free')
  await conversation.close()
  assert.is((await readdir(folder)).length, 1)
}
