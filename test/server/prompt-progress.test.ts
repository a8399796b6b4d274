import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withProgress } from '#molm/server/run/run-choice.js'
import { thrownBy } from '../support/rejects.js'
import { eventsIn, post, serverFor, sharedNano } from './served.js'

/* The progress of reading a prompt, in a stream that asks for it. */
const test = suite('progress of a prompt')

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'
/** More than four times 256 tokens, with a beginning that no other test of the shared server asks for. */
const LONG = 'No other file asks for the boat, far away as it is. '.repeat(100)
const GREEDY = { temperature: 0, max_tokens: 4 }
/** A request for progress, and a session that has nothing of its prompt. */
const [ASKED, NEW] = [{ prompt: [5, 6, 7], progress: true }, { cached: 0 }]
const served = serverFor(test, sharedNano)

interface Progress {
  total: number
  cache: number
  processed: number
  time_ms: number
}

interface Chunk {
  choices: { index: number; text?: string; delta?: { content?: string }; finish_reason: string | null }[]
  prompt_progress?: Progress
}

async function chunksOf(path: string, body: object): Promise<Chunk[]> {
  const { body: text } = await post(served.url, path, { ...GREEDY, stream: true, ...body })
  return eventsIn(text)
}

function progressOf(chunks: Chunk[], index = 0): Progress[] {
  return chunks.flatMap(({ choices, prompt_progress: one }) => (one && choices[0].index === index ? [one] : []))
}

function assertRead(progress: Progress[], total: number, cache: number): void {
  assert.ok(progress.length > 0)
  for (const [i, one] of progress.entries()) {
    assert.is(one.total, total)
    assert.is(one.cache, cache)
    assert.ok(one.processed >= (progress[i - 1]?.processed ?? cache))
    assert.ok(Number.isInteger(one.time_ms) && one.time_ms >= (progress[i - 1]?.time_ms ?? 0))
  }
  assert.is(progress.at(-1)?.processed, total)
}

test('a stream reports the tokens read, and what an earlier request left in the cache', async () => {
  const body = { prompt: LONG, return_progress: true }
  const total = served.model.tokenizer.encode(LONG).length
  const chunks = await chunksOf(COMPLETIONS, body)
  const first = progressOf(chunks)
  assertRead(first, total, 0)
  assert.is(first[0].processed, 0)
  assert.ok(first.length > 3, `${first.length} reports`)
  const firstText = chunks.findIndex(({ choices }) => choices[0].text !== '')
  assert.ok(chunks.slice(firstText).every(({ prompt_progress }) => prompt_progress === undefined))

  const [again] = progressOf(await chunksOf(COMPLETIONS, body))
  assert.ok(again.cache > total / 2 && again.cache < total)
  assert.is(again.processed, again.cache)
})

test('the answer is the same with the progress and without it', async () => {
  for (const [path, prompt] of [
    [COMPLETIONS, { prompt: LONG, n: 2, seed: 7, temperature: 1 }],
    [CHAT, { messages: [{ role: 'user', content: 'What is a lantern?' }] }],
  ] as const) {
    const without = await chunksOf(path, prompt)
    const withProgress = await chunksOf(path, { ...prompt, return_progress: true })
    const textOf = (chunks: Chunk[], index: number) =>
      chunks
        .flatMap(({ choices: [one] }) => (one.index === index ? [one.text ?? one.delta?.content ?? ''] : []))
        .join('')
    assert.is(textOf(withProgress, 0), textOf(without, 0))
    assert.is(textOf(withProgress, 1), textOf(without, 1))
    assert.is(progressOf(without).length, 0)
    assert.ok(progressOf(withProgress).length > 0)
  }
})

test('a short prompt, a scored prompt and one with its experts report their end, each choice its own', async () => {
  const text = 'A dog'
  const total = served.model.tokenizer.encode(text).length
  for (const more of [
    {},
    { echo: true, logprobs: 1 },
    { routed_experts: true },
    { echo: true, logprobs: 0, max_tokens: 0 },
  ]) {
    const chunks = await chunksOf(COMPLETIONS, { prompt: [text, text], return_progress: true, ...more })
    for (const index of [0, 1]) {
      const progress = progressOf(chunks, index)
      assertRead(progress, total, progress[0].cache)
    }
  }
})

test('without a stream the field changes nothing, and it is true or false', async () => {
  const { body } = await post(served.url, COMPLETIONS, { ...GREEDY, prompt: 'A dog', return_progress: true })
  assert.is(JSON.stringify(body).includes('prompt_progress'), false)
  const wrong = await post(served.url, CHAT, { messages: [{ role: 'user', content: 'a' }], return_progress: 'yes' })
  assert.is(wrong.status, 400)
  assert.match(wrong.body.error.message, /"return_progress" must be true or false/)
})

test('a slow reader gets the latest progress, and the result or the error of the work', async () => {
  const reports = withProgress(ASKED, NEW, async (onRead) => {
    for (const read of [1, 2, 3]) onRead(read)
    return 'read'
  })
  const { value } = await reports.next()
  assert.is(typeof value === 'object' && value.progress.processed, 3)
  assert.equal(await reports.next(), { done: true, value: 'read' })
  const failing = withProgress<string>(ASKED, NEW, async (onRead) => {
    onRead(1)
    throw new Error('no room')
  })
  assert.is((await failing.next()).done, false)
  assert.match(String(await thrownBy(failing.next())), /no room/)
})

test('a reader that leaves waits until the work has ended', async () => {
  let isOver = false
  const reports = withProgress(ASKED, NEW, async (onRead) => {
    onRead(1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    isOver = true
  })
  await reports.next()
  await reports.return()
  assert.ok(isOver)
})

test.run()
