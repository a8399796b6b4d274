import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/conversations/conversations.js'
import { seededRandom } from '#molm/sampling/random.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { stateAt } from './conversation-steps.js'

const test = suite('conversations and other processes')

const CHILD = fileURLToPath(new URL('./conversation-child.js', import.meta.url))

type Child = ChildProcessByStdio<Writable, Readable, null>

/** Starts a process that keeps conversations, and the lines that it says. */
function start(args: string[], [command, ...before]: string[] = [process.execPath]) {
  const child: Child = spawn(command, [...before, CHILD, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return { child, closed: once(child, 'close'), say: async () => JSON.parse((await lines.next()).value ?? 'null') }
}

/** Kills a process at a random moment after its first words. Resolves with the last step that it had kept. */
async function killed(folder: string, first: number, delay: number): Promise<number> {
  const { child, closed } = start(['keep', folder, String(first)])
  let said = ''
  child.stdout.on('data', (bytes) => {
    said += bytes
  })
  await once(child.stdout, 'data')
  await sleep(delay)
  child.kill('SIGKILL')
  await closed
  return Number(said.trimEnd().split('\n').at(-1))
}

const beginning = ({ content }: { content: string }) => content.slice(0, 40)

async function messagesIn(folder: string) {
  const [info, ...others] = await Conversations.at(folder).list()
  assert.equal(others, [])
  return (await Conversations.at(folder).stateOf(info)).messages
}

/** Kills processes that continue one conversation. After each, the file has the last kept state or the one after it. */
async function survivesKills(folder: string, kills: number, seed: number): Promise<void> {
  const random = seededRandom(seed)
  let step = 0
  for (let i = 0; i < kills; i++) {
    const last = await killed(folder, step + 1, 20 * random.nextFloat())
    assert.ok(last > step)
    const messages = JSON.stringify(await messagesIn(folder))
    step = [last, last + 1].find((step) => JSON.stringify(stateAt({ step }).messages) === messages) ?? -1
    assert.ok(step > 0, `kill ${i}: neither the state of step ${last} nor the next`)
  }
}

test('a hundred kills lose at most the step under way', async () => {
  await inTemporaryFolder(async (dir) => {
    const folders = [join(dir, 'a'), join(dir, 'b')]
    await Promise.all(folders.map((folder, i) => survivesKills(folder, 50, i + 1)))
    for (const folder of folders) {
      const conversations = Conversations.at(folder)
      const conversation = await conversations.open((await conversations.list())[0])
      assert.not(conversation.isCopy, 'the lock of a killed process is free')
      await conversation.close()
      assert.is((await readdir(folder)).length, 1)
    }
  })
})

for (const kind of ['begin', 'continue']) {
  test(`processes that ${kind} a conversation at once never share a file`, async () => {
    await inTemporaryFolder(async (dir) => {
      const conversations = Conversations.at(dir)
      const conversation = conversations.begin(stateAt({ step: 3 }))
      if (kind === 'continue') await conversation.keep(stateAt({ step: 3 }))
      await conversation.close()
      const base = kind === 'continue' ? stateAt({ step: 3 }).messages : []
      const id = kind === 'continue' ? conversation.id : ''
      const tags = ['a ', 'b ', 'c ', 'd ']
      const children = tags.map((tag) => start(['beside', dir, tag, '6', id]))
      for (const word of ['ready', 'open']) {
        for (const { say } of children) assert.is(await say(), word)
        for (const { child } of children) child.stdin.write('go\n')
      }
      const ends = await Promise.all(children.map(({ say }) => say()))
      for (const { child } of children) child.stdin.end()
      await Promise.all(children.map(({ closed }) => closed))
      assert.is(new Set(ends.map(({ id }) => id)).size, tags.length)
      assert.is(ends.filter(({ isCopy }) => isCopy).length, kind === 'continue' ? tags.length - 1 : 0)
      assert.is((await readdir(dir)).length, tags.length)
      for (const [i, { id }] of ends.entries()) {
        const { messages } = await conversations.stateOf(await conversations.find(id))
        const expected = [...base, ...stateAt({ step: 6, tag: tags[i] }).messages]
        assert.equal(messages.map(beginning), expected.map(beginning))
      }
    })
  })
}

const MOUNT = 'mount -t tmpfs -o size=256k tmpfs "$1" && shift && exec "$@"'
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, 'sh', '/mnt', 'true']).status === 0
const ifMounted = canMount ? test : test.skip

ifMounted('on a full or read-only disk nothing is kept, and nothing is lost of what was', async () => {
  await inTemporaryFolder(async (dir) => {
    const command = ['unshare', '-rm', 'sh', '-c', MOUNT, 'sh', dir, process.execPath]
    const { say, closed } = start(['fill', dir], command)
    assert.match(await say(), /the disk is full/)
    assert.is(await say(), 'kept')
    assert.is(await say(), 6)
    assert.match(await say(), /read-only/)
    assert.match(await say(), /read-only/)
    assert.equal(await closed, [0, null])
  })
})

test.run()
