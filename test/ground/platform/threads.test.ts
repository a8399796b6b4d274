import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type * as Threads from '#molm/ground/platform/threads.js'
import { inheritedWord, openMailbox, startThread } from '#molm/ground/platform/threads.js'
import { repositoryPath } from '../../support/fixtures.js'
import { patchedModule, withPatchedLibrary } from '../../support/patched-library.js'

const PLATFORM = JSON.stringify(pathToFileURL(repositoryPath('dist/ground/platform/threads.js')))

/** Address of a module that uses the platform's threads. */
const script = (lines: string[]): URL => {
  const source = [`import * as threads from ${PLATFORM}`, ...lines].join('\n')
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`)
}

/** Runs a thread until it ends; returns its messages. */
function messagesOf(lines: string[], data?: unknown, toSend: unknown[] = []): Promise<unknown[]> {
  const thread = startThread(script(lines), data)
  const received: unknown[] = []
  thread.on('message', (message: unknown) => received.push(message))
  for (const message of toSend) thread.postMessage(message)
  return new Promise((resolve, reject) => {
    thread.on('error', reject)
    thread.on('exit', () => resolve(received))
  })
}

test('a thread takes without waiting the messages that have come', async () => {
  const lines = [
    'const mailbox = threads.openMailbox()',
    'mailbox.listen((first) => {',
    '  mailbox.post([first, mailbox.take(), mailbox.take(), mailbox.take()])',
    '  mailbox.close()',
    '})',
  ]
  assert.equal(await messagesOf(lines, undefined, ['one', 'two', 'three']), [['one', 'two', 'three', undefined]])
})

test('a thread that listens for one message ends after it', async () => {
  const lines = [
    'const mailbox = threads.openMailbox()',
    'mailbox.listenOnce((message) => mailbox.post(message + threads.threadData()))',
  ]
  assert.equal(await messagesOf(lines, 40, [2]), [42])
})

test('a thread inherits a word, and sees what is written to it', async () => {
  const word = inheritedWord('a word of this test')
  Atomics.store(word, 0, 7)
  const lines = [
    "const word = threads.inheritedWord('a word of this test')",
    'threads.openMailbox().post(Atomics.exchange(word, 0, 8))',
  ]
  assert.equal(await messagesOf(lines), [7])
  assert.is(Atomics.load(word, 0), 8)
})

test('the main thread has no mailbox', () => {
  assert.throws(() => openMailbox(), /runs in a thread of its own/)
})

const onPosix = process.platform === 'win32' ? test.skip : test

onPosix('the wait for the end of a thread is bounded, though Node cannot end the thread', () =>
  withPatchedLibrary(
    [{ file: 'ground/platform/threads.js', from: 'ENDING_MS = 5_000', to: 'ENDING_MS = 100' }],
    async (folder) => {
      const { endThread, endThreads, startThread } = await patchedModule<typeof Threads>(
        folder,
        'ground/platform/threads.js',
      )
      const pipe = join(folder, 'pipe')
      execFileSync('mkfifo', [pipe])
      // Waits in the system until the other end is closed: Node cannot end it before.
      const lines = ["import { readFileSync } from 'node:fs'", "readFileSync(threads.threadData(), 'utf8')"]
      const thread = startThread(script(lines), pipe)
      const gone = new Promise<void>((resolve) => thread.once('exit', resolve))
      const otherEnd = await open(pipe, 'w')
      await endThread(thread)
      assert.is(await endThreads(), false)

      await otherEnd.close()
      await gone
      assert.is(await endThreads(), true)
    },
  ),
)

test.run()
