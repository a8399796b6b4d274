import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ApiError, ClientGone } from '#molm/server/common/api-error.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { interleaved } from '#molm/server/run/choices.js'
import { type EnterOptions, Queue, type Slot, type Ticket, type Work } from '#molm/server/run/queue.js'
import { integers } from '../support/random.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('the queue')

const SHORT: Work = { unread: 1, answer: 1_000 }
const LONG: Work = { unread: 10_000, answer: 1_000 }

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A queue, and the names of the sequences that have begun. */
function queueOf(parallel: number) {
  const queue = new Queue({ parallel, waiting: 200 })
  const begun: string[] = []
  const slots = new Map<string, Slot>()
  const tickets = new Map<string, Ticket>()
  const ask = async (name: string, work: Work, options?: EnterOptions | Ticket) => {
    const ticket = options && 'slot' in options ? options : queue.enter(options)
    tickets.set(name, ticket)
    ticket.slot(work).then((slot) => {
      slots.set(name, slot)
      begun.push(name)
    }, assert.unreachable)
    await turn()
    return ticket
  }
  const end = async (name: string) => {
    slots.get(name)?.release()
    await turn()
  }
  /** Whether a sequence may continue. */
  const continues = async (name: string) => {
    let isRunning = false
    slots
      .get(name)
      ?.turn()
      .then(
        () => {
          isRunning = true
        },
        () => undefined,
      )
    await turn()
    return isRunning
  }
  /** Has a sequence write tokens for as long as it has a place. */
  const write = async (name: string, tokens: number) => {
    for (let i = 0; i < tokens; i++) if (!(await continues(name))) return
  }
  return { queue, begun, slots, tickets, ask, end, continues, write }
}

test('`parallel` sequences run at once; the others start in the order of their arrival', async () => {
  const { queue, begun, ask, end } = queueOf(2)
  for (const name of ['a', 'b', 'c', 'd', 'e']) await ask(name, LONG)
  assert.equal(begun, ['a', 'b'])
  assert.equal(queue.counts, { running: 2, waiting: 3 })
  for (const name of ['b', 'a', 'c']) await end(name)
  assert.equal(begun, ['a', 'b', 'c', 'd', 'e'])
})

test('a client without a place comes first, whatever others have waiting', async () => {
  const { begun, ask, end, continues } = queueOf(4)
  for (let i = 0; i < 40; i++) await ask(`greedy ${i}`, SHORT, { client: 'greedy' })
  await ask('other', LONG, { client: 'other' })
  assert.equal(begun.slice(4), ['other'])
  assert.not.ok(await continues('greedy 3'))
  await ask('other again', SHORT, { client: 'other' })
  await end('other')
  assert.is(begun.at(-1), 'other again')
  await end('other again')
  assert.ok(await continues('greedy 3'))
})

test('of one client, a request without a place comes before further sequences of another', async () => {
  const { begun, ask } = queueOf(4)
  const many = await ask('many 0', SHORT, { client: 'proxy' })
  for (let i = 1; i < 8; i++) await ask(`many ${i}`, SHORT, many)
  await ask('one', LONG, { client: 'proxy' })
  assert.equal(begun, ['many 0', 'many 1', 'many 2', 'many 3', 'one'])
})

test('a long answer pauses for shorter work, and the oldest ones never do', async () => {
  const { queue, begun, ask, end, continues, write } = queueOf(2)
  for (const name of ['oldest', 'long']) await ask(name, SHORT)
  await ask('at once', SHORT)
  assert.equal(begun, ['oldest', 'long'], 'all have the same work')
  for (const name of ['oldest', 'long']) await write(name, 100)
  assert.equal(begun, ['oldest', 'long', 'at once'])
  assert.equal(queue.counts, { running: 2, waiting: 1 })
  assert.equal([await continues('oldest'), await continues('long')], [true, false])
  await ask('prompt', LONG)
  await end('at once')
  assert.is(begun.at(-1), 'at once', 'the prompt is as much work as the long answer, which is older')
  await write('long', 600)
  assert.is(begun.at(-1), 'prompt')
  await ask('short', SHORT)
  assert.is(begun.at(-1), 'short')
  for (const name of ['short', 'prompt']) await end(name)
  assert.ok(await continues('long'))
})

test('of requests that come at once, those whose answers must be short come first', async () => {
  const { begun, ask, end } = queueOf(2)
  for (const name of ['a', 'b', 'c', 'd']) await ask(name, SHORT)
  await ask('one token', { unread: 1_000, answer: 1 })
  assert.equal(begun, ['a', 'b', 'one token'])
  await end('one token')
  await end('a')
  assert.equal(begun, ['a', 'b', 'one token', 'c'])
})

test('prompts that are being read, and answers that have become long, follow each other', async () => {
  const { begun, ask, end, write } = queueOf(2)
  for (const name of ['oldest', 'reader', 'next']) await ask(name, LONG)
  await write('oldest', 5_000)
  assert.equal(begun, ['oldest', 'reader'])
  await write('reader', 600)
  assert.equal(begun, ['oldest', 'reader', 'next'])
  await write('next', 1_000)
  await write('reader', 5_000)
  await ask('far longer', { unread: 200_000, answer: 1 })
  assert.equal(begun, ['oldest', 'reader', 'next'])
  await end('reader')
  await end('next')
  assert.is(begun.at(-1), 'far longer')
})

test('a sequence without memory waits until another ends, and smaller ones overtake it', async () => {
  const { begun, ask, end } = queueOf(8)
  await ask('first', LONG)
  let free = 0
  const admit = () => free > 0
  await ask('large', { ...LONG, admit })
  await ask('behind', { ...LONG, admit })
  await ask('short', SHORT)
  assert.equal(begun, ['first', 'short'])
  // All older ones end: now none may take the memory that it waits for.
  await end('first')
  await ask('late', SHORT)
  assert.equal(begun, ['first', 'short'])
  free = 1
  await end('short')
  assert.equal(begun, ['first', 'short', 'large', 'behind', 'late'])
})

test('sequences behind one that waits for memory begin when it is refused, or when any request leaves', async () => {
  const { queue, begun, ask, end } = queueOf(8)
  const left = queue.enter()
  await ask('first', LONG)
  let isWaiting = true
  const refused = queue.enter().slot({
    ...LONG,
    admit: () => {
      if (isWaiting) return false
      throw new ApiError(503, 'too large')
    },
  })
  const error = thrownBy(refused)
  let free = false
  await ask('behind', LONG)
  await ask('needy', { ...LONG, admit: () => free })
  assert.equal(begun, ['first'])
  isWaiting = false
  await end('first')
  assert.is(((await error) as ApiError).message, 'too large')
  assert.equal(begun, ['first', 'behind'])
  free = true
  left.leave()
  await turn()
  assert.equal(begun, ['first', 'behind', 'needy'])
})

test('a sequence learns how many pause beside it, and is refused if it can never have its memory', async () => {
  const { queue, ask, write } = queueOf(2)
  for (const name of ['a', 'b']) await ask(name, SHORT)
  for (const name of ['a', 'b']) await write(name, 20)
  const pausing: number[] = []
  const admit = (more: number) => pausing.push(more) > 0
  for (const name of ['c', 'd']) {
    await ask(name, { ...SHORT, admit })
    await write(name, 20)
  }
  assert.equal(pausing, [1, 2])
  const never = () => {
    throw new ApiError(503, 'too large')
  }
  const error = await thrownBy(queue.enter().slot({ ...SHORT, admit: never }))
  assert.is((error as ApiError).message, 'too large')
})

test('a sequence that pauses ends when its client disconnects, and its place goes to the next', async () => {
  const { queue, slots, ask, continues, write } = queueOf(2)
  for (const name of ['a', 'b']) await ask(name, SHORT)
  for (const name of ['a', 'b']) await write(name, 20)
  const gone = new AbortController()
  await ask('c', SHORT, { signal: gone.signal })
  await write('c', 20)
  await ask('d', SHORT)
  assert.not.ok(await continues('b'))
  const waits = thrownBy(slots.get('c')?.turn() as Promise<void>)
  gone.abort()
  assert.instance(await waits, ClientGone)
  assert.equal(queue.counts, { running: 2, waiting: 2 })
})

test('any mix of sequences ends, within the memory and the places', async () => {
  for (const parallel of [1, 2, 3, 8]) {
    const memory = 1_200
    const { queue } = queueOf(parallel)
    let [taken, ended] = [0, 0]
    const run = async (ticket: Ticket, prompt: number, answer: number) => {
      let own = 0
      const admit = (pausing: number) => {
        if (taken + prompt + answer + Math.min(pausing, 1) * 200 > memory) return false
        own = prompt + answer
        taken += own
        return true
      }
      const slot = await ticket.slot({ unread: prompt, answer, admit })
      for (let i = 0; i < answer; i++) {
        await slot.turn()
        assert.ok(queue.counts.running <= parallel)
      }
      taken -= own
      slot.release()
      ended++
    }
    const numbers = integers(120, parallel, 500)
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const [prompt, answer] = numbers.slice(2 * i, 2 * i + 2)
        const ticket = queue.enter({ client: i % 3 === 0 ? 'greedy' : undefined })
        await Promise.all([0, 1].slice(0, 1 + (i % 2)).map(() => run(ticket, 1 + prompt, answer)))
        ticket.leave()
      }),
    )
    assert.equal([ended, taken], [90, 0])
    assert.equal(queue.counts, { running: 0, waiting: 0 })
  }
})

test('requests that have not asked for a place yet count as waiting', () => {
  const queue = new Queue({ parallel: 2, waiting: 3 })
  const tickets = Array.from({ length: 5 }, () => queue.enter())
  assert.throws(() => queue.enter(), /3 requests are waiting already/)
  tickets[0].leave()
  queue.enter()
  assert.throws(() => queue.enter(), /3 requests are waiting already/)
})

test('large requests fill at most half of the queue', () => {
  const queue = new Queue({ parallel: 1, waiting: 4 })
  queue.enter().slot(LONG)
  const large = [queue.enter({ isLarge: true }), queue.enter({ isLarge: true })]
  assert.throws(() => queue.enter({ isLarge: true }), /2 large requests are waiting already/)
  queue.enter()
  large[0].leave()
  queue.enter({ isLarge: true })
  queue.enter()
  assert.throws(() => queue.enter(), /4 requests are waiting already/)
})

test('a client alone fills the whole queue, as many clients do', () => {
  for (const client of ['one', undefined]) {
    const queue = new Queue(LIMITS)
    for (let i = 0; i < LIMITS.parallel + LIMITS.waiting; i++) queue.enter({ client })
    assert.throws(() => queue.enter({ client }), /100 requests are waiting already/)
  }
})

test('a full queue has room for clients that have less than their share of it, and for no other', () => {
  const queue = new Queue({ parallel: 1, waiting: 6 })
  const enter = (client: string, count: number, isLarge = false) => {
    for (let i = 0; i < count; i++) queue.enter({ client, isLarge })
    assert.throws(() => queue.enter({ client, isLarge }), isLarge ? /3 large requests are/ : /6 requests are/)
  }
  queue.enter({ client: 'first' }).slot(LONG)
  enter('first', 3, true)
  enter('first', 3)
  enter('second', 1, true)
  enter('second', 2)
  enter('third', 1, true)
  enter('third', 1)
  for (const client of ['fourth', 'fifth', 'sixth']) enter(client, 1)
  enter('seventh', 0)
})

test('a request that finds the queue full is refused with a time to try again', () => {
  const queue = new Queue({ parallel: 1, waiting: 2 })
  queue.enter().slot(LONG)
  queue.enter()
  queue.enter()
  assert.throws(
    () => queue.enter(),
    ({ status, details }: ApiError) => status === 429 && (details.retryAfter ?? 0) >= 1,
  )
})

test('a client that disconnects gives up its place', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5 })
  const first = queue.enter()
  const { release } = await first.slot(LONG)
  const gone = new AbortController()
  const second = queue.enter({ signal: gone.signal })
  const third = queue.enter()
  const waits = thrownBy(second.slot(LONG))
  const next = third.slot(LONG)
  gone.abort()
  assert.instance(await waits, ClientGone)
  second.leave()
  release()
  await next
  // A client that has disconnected before is not accepted either.
  assert.instance(await thrownBy(queue.enter({ signal: gone.signal }).slot(LONG)), ClientGone)
})

test('closing lets running requests end, with all their sequences, and refuses all others', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5 })
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
  const queue = new Queue({ parallel: 1, waiting: 5 })
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
