import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inheritedWord, openMailbox, startThread } from '#molm/ground/platform/threads.js'
import { repositoryPath } from '../../support/fixtures.js'

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

test.run()
