import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Busy, UserError } from '#molm/ground/errors.js'
import { Preparations } from '#molm/text/grammar/preparations.js'
import type { PrepareReply, PrepareRequest } from '#molm/text/grammar/protocol.js'
import { each } from '../../support/each.js'
import { ScriptedThread } from './scripted-thread.js'

const test = suite('preparing grammars')

type Preparer = ScriptedThread<PrepareRequest, PrepareReply>

const LIMITS = { quickMs: 250, mostMs: 10_000, oldestMs: Infinity, waiting: 2 }
const regex = (pattern: string) => JSON.stringify({ kind: 'regex', pattern })

function scripted(limits: Partial<typeof LIMITS> = {}) {
  const threads: Preparer[] = []
  const preparations = new Preparations(
    (events) => {
      threads.push(new ScriptedThread(events))
      return threads[threads.length - 1]
    },
    { ...LIMITS, ...limits },
  )
  const last = (thread: Preparer) => thread.posted[thread.posted.length - 1]
  const underWay = () => threads.filter(({ hasEnded }) => !hasEnded)
  return {
    threads,
    preparations,
    /** Outcome of a guide: the numbers of its grammars, or the error. */
    asked: (patterns: readonly string[], signal?: AbortSignal) =>
      preparations.prepare(patterns.map(regex), signal).then(
        (prepared) => prepared.map(({ number }) => number),
        (error: Error) => error,
      ),
    pattern: (thread: Preparer): string => JSON.parse(last(thread).grammar).pattern,
    finish: (thread: Preparer) => thread.events.received({ id: last(thread).id, words: new SharedArrayBuffer(4) }),
    slow: (thread: Preparer, ms = 250) => thread.work(last(thread).id, ms),
    underWay,
  }
}

test('the smallest guide comes first, and the grammars of one follow each other', async () => {
  const { threads, asked, pattern, finish } = scripted()
  const all = [['long'.repeat(9)], ['middle', 'next'], ['Yes']].map((patterns) => asked(patterns))
  const order: string[] = []
  for (let i = 0; i < 4; i++) {
    order.push(pattern(threads[0]))
    finish(threads[0])
  }
  assert.equal(order, ['long'.repeat(9), 'Yes', 'middle', 'next'])
  assert.equal(await Promise.all(all), [[0], [2, 3], [1]])
  assert.is(threads.length, 1)
})

test('of forty slow grammars one is tried before a simple one that comes after them', async () => {
  const { threads, asked, pattern, slow, finish, underWay } = scripted()
  for (let i = 0; i < 40; i++) void asked([`(a?){${1000 + i}}`])
  slow(threads[0])
  assert.ok(threads[0].isWaiting)
  const simple = asked(['Yes'])
  const [, quick] = underWay()
  assert.is(pattern(quick), '(a?){1001}')
  slow(quick)
  const next = underWay()[1]
  assert.is(pattern(next), 'Yes')
  finish(next)
  assert.equal(await simple, [0])
})

test('the oldest guide comes first when it is time, so that large ones come at all', () => {
  const { threads, asked, pattern, finish } = scripted({ oldestMs: 0 })
  for (const text of ['a', 'long'.repeat(9), 'b']) void asked([text])
  const order = Array.from({ length: 3 }, () => {
    const next = pattern(threads[0])
    finish(threads[0])
    return next
  })
  assert.equal(order, ['a', 'long'.repeat(9), 'b'])
})

test('it is time for the oldest guide once the quick lane has computed for long enough, however busy the machine', () => {
  const { asked, pattern, slow, finish, underWay } = scripted({ oldestMs: 700 })
  const { now } = performance
  let clock = now.call(performance)
  performance.now = () => {
    clock += 60_000
    return clock
  }
  try {
    for (const length of [6, 7, 8, 5, 4, 3, 2]) void asked(['a'.repeat(length)])
    const order: string[] = []
    for (let i = 0; i < 7; i++) {
      const quick = underWay().at(-1) as Preparer
      order.push(pattern(quick))
      if (i < 3) slow(quick)
      else finish(quick)
    }
    assert.equal(each(order, 'length'), [6, 2, 3, 7, 4, 5, 8])
  } finally {
    performance.now = now
  }
})

test('a slow grammar has its time in the slow lane, and the error that ends it names its form', async () => {
  const { threads, asked, slow, underWay } = scripted()
  const slowest = asked(['(a?){500}\n(a?){500}a{500}[a-z]{4000}'])
  slow(threads[0])
  slow(threads[0], 9_999)
  assert.equal(underWay(), [threads[0]])
  slow(threads[0], 10_000)
  const error = (await slowest) as Error
  assert.instance(error, UserError)
  assert.is(
    error.message,
    'regex (a?){500} (a?){500}a{500}[a-z]{4000}: it took more than 10 seconds of computing to prepare',
  )
  assert.equal(underWay(), [])
})

test('slow grammars wait for the slow lane; grammars that find too many are asked to come again', async () => {
  const { asked, pattern, slow, finish, underWay } = scripted()
  const all = ['slow 1', 'slow 2', 'slow 3', 'slow 4'].map((text) => asked([text]))
  for (let i = 0; i < 4; i++) slow(underWay()[i === 0 ? 0 : 1])
  const busy = (await all[3]) as Busy
  assert.instance(busy, Busy)
  assert.is(busy.message, 'regex slow 4: too many large forms are waiting; try again later')
  assert.ok(busy.retryAfter > 0)
  const [slowLane] = underWay()
  for (const text of ['slow 1', 'slow 2', 'slow 3']) {
    assert.is(pattern(slowLane), text)
    finish(slowLane)
  }
  assert.equal(await Promise.all(all.slice(0, 3)), [[0], [1], [2]])
})

test('a grammar is prepared once for all that ask, and an aborted request takes its own away', async () => {
  const { threads, asked, pattern, finish, slow, underWay } = scripted()
  const first = asked(['a'])
  const second = asked(['a'])
  const controller = new AbortController()
  const aborted = asked(['b'], controller.signal)
  const third = asked(['c'])
  controller.abort(new Error('gone'))
  assert.is(((await aborted) as Error).message, 'gone')
  finish(threads[0])
  assert.is(pattern(threads[0]), 'c')
  const leaving = new AbortController()
  const left = asked(['slow'], leaving.signal)
  finish(threads[0])
  slow(threads[0])
  leaving.abort(new Error('gone'))
  assert.ok(threads[0].hasEnded, 'the slow one is no longer wanted')
  assert.equal(await Promise.all([first, second, third, asked(['a'])]), [[0], [0], [1], [0]])
  await left
  assert.equal(underWay(), [])
})

test('a thread that fails takes only the grammar that it prepared', async () => {
  const { threads, asked, finish, underWay } = scripted()
  const [failed, other] = [asked(['a']), asked(['b'])]
  threads[0].events.ended({ who: 1, error: 'out of memory' })
  assert.is(((await failed) as Error).message, 'regex a: it cannot be prepared: out of memory')
  finish(underWay()[0])
  assert.equal(await other, [0])
})

test.run()
