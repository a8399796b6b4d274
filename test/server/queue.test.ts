import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ApiError, ClientGone } from '#molm/server/common/api-error.js'
import { interleaved } from '#molm/server/run/interleaved.js'
import type { Work } from '#molm/server/run/places.js'
import { Queue } from '#molm/server/run/queue.js'
import type { Ticket } from '#molm/server/run/ticket.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('the queue')

/** Work for a long place only, and work for a quick place. */
const [LONG, SHORT] = [work(41, 1), work(9, 1)]

/** A prompt and an answer of these numbers of tokens. */
function work(prompt: number, answer: number): Work {
  return { answer, unread: () => prompt }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('`parallel` sequences run at once; the others start in the order of their arrival', async () => {
  const queue = new Queue({ parallel: 2, waiting: 10, quickTokens: 10 })
  const tickets = Array.from({ length: 5 }, () => queue.enter())
  const begun: number[] = []
  const releases = tickets.map(async (ticket, i) => {
    const { release } = await ticket.slot(LONG)
    begun.push(i)
    return release
  })
  await turn()
  assert.equal(begun, [0, 1])
  assert.equal(queue.counts, { running: 2, waiting: 3 })
  for (const [done, next] of [
    [1, 2],
    [0, 3],
    [2, 4],
  ]) {
    ;(await releases[done])()
    tickets[done].leave()
    await turn()
    assert.is(begun.at(-1), next)
  }
})

test('a request gets half of the places while others wait, and places that it had beyond that do not count', async () => {
  const queue = new Queue({ parallel: 4, waiting: 10, quickTokens: 10 })
  const [many, other, third] = [queue.enter(), queue.enter(), queue.enter()]
  const releases: (() => void)[] = []
  for (let i = 0; i < 6; i++) many.slot(LONG).then(({ release }) => releases.push(release))
  await turn()
  assert.is(queue.counts.running, 4)
  const others: string[] = []
  const ofOther = [other, other, other].map((ticket) => {
    return ticket.slot(LONG).then(({ release }) => {
      others.push('other')
      return release
    })
  })
  third.slot(LONG).then(() => others.push('third'))
  await turn()
  // Two of its four count, so two are free. The third sequence of the other request is beyond its half.
  assert.equal(others, ['other', 'other'])
  for (const release of releases.splice(0, 3)) release()
  await turn()
  // One sequence of the first request is left, which asked for its place before the others.
  assert.is(releases.length, 2)
  assert.equal(others, ['other', 'other'])
  ;(await ofOther[0])()
  await turn()
  assert.equal(others, ['other', 'other', 'other'])
  ;(await ofOther[1])()
  await turn()
  assert.equal(others, ['other', 'other', 'other', 'third'])
})

test('short sequences behind long ones get quick places, one per request, in order', async () => {
  const queue = new Queue({ parallel: 2, waiting: 10, quickTokens: 10 })
  const long = [0, 1, 2].map(() => queue.enter())
  const begun: string[] = []
  const ask = async (name: string, ticket: Ticket, work = SHORT) => {
    const { release } = await ticket.slot(work)
    begun.push(name)
    return release
  }
  const longs = long.map((ticket, i) => ask(`long ${i}`, ticket, LONG))
  const [a, b] = [queue.enter(), queue.enter()]
  const first = ask('a', a)
  ask('a again', a)
  ask('b', b)
  await turn()
  assert.equal(begun, ['long 0', 'long 1', 'a'])
  ;(await first)()
  await turn()
  assert.is(begun.at(-1), 'a again')
  ;(await longs[0])()
  await turn()
  assert.is(begun.at(-1), 'long 2')
  ;(await longs[1])()
  await turn()
  assert.is(begun.at(-1), 'b')
})

test('a sequence without memory waits until another ends, and short ones overtake it', async () => {
  const queue = new Queue({ parallel: 3, waiting: 10, quickTokens: 10 })
  const { release } = await queue.enter().slot(LONG)
  let hasMemory = false
  const begun: string[] = []
  const large = queue.enter().slot({ ...LONG, admit: () => hasMemory })
  large.then(() => begun.push('large'))
  queue
    .enter()
    .slot(LONG)
    .then(() => begun.push('behind'))
  queue
    .enter()
    .slot(SHORT)
    .then(() => begun.push('short'))
  await turn()
  assert.equal(begun, ['short'])
  hasMemory = true
  release()
  await turn()
  assert.equal(begun, ['short', 'large', 'behind'])
  const never = () => {
    throw new ApiError(503, 'too large')
  }
  assert.is(((await thrownBy(queue.enter().slot({ ...SHORT, admit: never }))) as ApiError).message, 'too large')
})

test('requests that have not asked for a place yet count as waiting', () => {
  const queue = new Queue({ parallel: 2, waiting: 3, quickTokens: 10 })
  const tickets = Array.from({ length: 5 }, () => queue.enter())
  assert.throws(() => queue.enter(), /3 requests are waiting already/)
  tickets[0].leave()
  queue.enter()
  assert.throws(() => queue.enter(), /3 requests are waiting already/)
})

test('large requests fill at most half of the queue', () => {
  const queue = new Queue({ parallel: 1, waiting: 4, quickTokens: 10 })
  queue.enter().slot(LONG)
  const large = [queue.enter(undefined, true), queue.enter(undefined, true)]
  assert.throws(() => queue.enter(undefined, true), /2 large requests are waiting already/)
  queue.enter()
  large[0].leave()
  queue.enter(undefined, true)
  queue.enter()
  assert.throws(() => queue.enter(), /4 requests are waiting already/)
})

test('a request that finds the queue full is refused with a time to try again', () => {
  const queue = new Queue({ parallel: 1, waiting: 2, quickTokens: 10 })
  queue.enter().slot(LONG)
  queue.enter()
  queue.enter()
  try {
    queue.enter()
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ApiError)
    const { status, details } = error as ApiError
    assert.is(status, 429)
    assert.ok((details.retryAfter ?? 0) >= 1)
  }
})

test('a client that disconnects gives up its place', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5, quickTokens: 10 })
  const first = queue.enter()
  const { release } = await first.slot(LONG)
  const gone = new AbortController()
  const second = queue.enter(gone.signal)
  const third = queue.enter()
  const waits = thrownBy(second.slot(LONG))
  const next = third.slot(LONG)
  gone.abort()
  assert.instance(await waits, ClientGone)
  second.leave()
  release()
  await next
  // A client that has disconnected before is not accepted either.
  assert.instance(await thrownBy(queue.enter(gone.signal).slot(LONG)), ClientGone)
})

test('closing lets running requests end, with all their sequences, and refuses all others', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5, quickTokens: 10 })
  const running = queue.enter()
  const { release } = await running.slot(LONG)
  const waiting = queue.enter()
  const refused = thrownBy(waiting.slot(LONG))
  let isClosed = false
  const closed = queue.close(10_000).then(() => {
    isClosed = true
  })
  assert.is(((await refused) as ApiError).status, 503)
  waiting.leave()
  assert.throws(() => queue.enter(), /closing/)
  const more = running.slot(LONG)
  release()
  ;(await more).release()
  await turn()
  assert.not.ok(isClosed)
  running.leave()
  await closed
})

test('closing does not wait forever', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5, quickTokens: 10 })
  const ticket = queue.enter()
  await ticket.slot(LONG)
  ticket.signal.addEventListener('abort', () => ticket.leave())
  await queue.close(20)
  assert.is((ticket.signal.reason as ApiError).status, 503)
})

async function* numbers(name: string, count: number, log: string[]): AsyncGenerator<string, void> {
  try {
    for (let i = 0; i < count; i++) {
      await turn()
      if (name === 'bad' && i === 1) throw new Error('bad')
      yield `${name}${i}`
    }
  } finally {
    log.push(`${name} ended`)
  }
}

test('several generators run at once, up to a limit, each in its turn', async () => {
  const log: string[] = []
  const sources = ['a', 'b', 'c'].map((name, i) => () => numbers(name, i + 1, log))
  const values: string[] = []
  for await (const value of interleaved(sources, 2, assert.unreachable)) values.push(value)
  assert.equal(values.sort(), ['a0', 'b0', 'b1', 'c0', 'c1', 'c2'])
  assert.equal(log, ['a ended', 'b ended', 'c ended'])
})

test('if one fails or the reader leaves, the others are stopped and ended', async () => {
  for (const leaves of [true, false]) {
    const log: string[] = []
    let stops = 0
    const sources = ['good', 'bad'].map((name) => () => numbers(name, 5, log))
    const run = async () => {
      for await (const _ of interleaved(sources, 2, () => stops++)) if (leaves) break
    }
    const error = await thrownBy(run())
    assert.is((error as Error | undefined)?.message, leaves ? undefined : 'bad')
    assert.equal(log.sort(), ['bad ended', 'good ended'])
    assert.is(stops, 1)
  }
})

test.run()
