import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Busy, UserError } from '#molm/ground/errors.js'
import { messageText } from '#molm/ground/message.js'
import { PREPARING } from '#molm/text/grammar/guide-client.js'
import { Lanes } from '#molm/text/grammar/lanes.js'
import { PreparedForms } from '#molm/text/grammar/prepared-forms.js'
import type { PrepareReply, PrepareRequest } from '#molm/text/grammar/protocol.js'
import { ScriptedThread } from './scripted-thread.js'

const test = suite('preparing forms')

type Preparer = ScriptedThread<PrepareRequest, PrepareReply>

const regex = (pattern: string) => JSON.stringify({ kind: 'regex', pattern })

function scripted() {
  const threads: Preparer[] = []
  const lanes = new Lanes<PrepareReply>((events) => {
    threads.push(new ScriptedThread(events))
    return threads[threads.length - 1]
  }, PREPARING)
  const forms = new PreparedForms(lanes)
  const last = (thread: Preparer) => thread.posted[thread.posted.length - 1]
  return {
    threads,
    /** Outcome of a guide: the numbers of its grammars, or the error. */
    prepare: (patterns: readonly string[], options: { client?: string; signal?: AbortSignal } = {}) =>
      forms.prepare(patterns.map(regex), options).then(
        (prepared) => prepared.map(({ number }) => number),
        (error: Error) => error,
      ),
    pattern: (thread: Preparer): string => JSON.parse(last(thread).grammars[0]).pattern,
    finish: (thread: Preparer) => thread.events.received({ id: last(thread).id, words: new SharedArrayBuffer(4) }),
    slow: (thread: Preparer, ms = 250) => thread.work(last(thread).id, ms),
    underWay: () => threads.filter(({ hasEnded }) => !hasEnded),
  }
}

test('forms are prepared one at a time, clients take turns, and equal forms come in their order', async () => {
  const { threads, prepare, pattern, finish } = scripted()
  const all = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map((text) => prepare([text], { client: text[0] }))
  const own = ['d1', 'e1'].map((text) => prepare([text]))
  const order = Array.from({ length: 8 }, () => {
    const next = pattern(threads[0])
    finish(threads[0])
    return next
  })
  assert.equal(order, ['a1', 'b1', 'c1', 'd1', 'e1', 'a2', 'b2', 'a3'])
  assert.equal(await Promise.all(all), [[0], [5], [7], [1], [6], [2]])
  assert.equal(await Promise.all(own), [[3], [4]])
  assert.is(threads.length, 1)
})

test("a client's small form waits for one of its forty slow forms", async () => {
  const { threads, prepare, pattern, slow, finish, underWay } = scripted()
  for (let i = 0; i < 40; i++) void prepare([`(a?){${1000 + i}}`], { client: 'one' })
  const simple = prepare(['Yes'], { client: 'one' })
  slow(threads[0])
  const [, quick] = underWay()
  assert.is(pattern(quick), 'Yes')
  finish(quick)
  assert.equal(await simple, [0])
})

test("of a client's forty slow forms two are tried before a simple one of another client", async () => {
  const { threads, prepare, pattern, slow, finish, underWay } = scripted()
  for (let i = 0; i < 40; i++) void prepare([`(a?){${1000 + i}}`], { client: 'greedy' })
  slow(threads[0])
  assert.ok(threads[0].isWaiting)
  const simple = prepare(['Yes'], { client: 'other' })
  const [, quick] = underWay()
  assert.is(pattern(quick), '(a?){1001}')
  slow(quick)
  const next = underWay()[1]
  assert.is(pattern(next), 'Yes')
  finish(next)
  assert.equal(await simple, [0])
})

test('a slow form continues in the slow lane, and the error that ends it names it', async () => {
  const { threads, prepare, slow, underWay } = scripted()
  const slowest = prepare(['(a?){500}\n(a?){500}a{500}[a-z]{4000}'])
  slow(threads[0])
  slow(threads[0], 9_999)
  assert.equal(underWay(), [threads[0]])
  slow(threads[0], 10_000)
  threads[0].events.ended({ who: 1 })
  const error = (await slowest) as Error
  assert.instance(error, UserError)
  assert.is(
    error.message,
    'regex (a?){500} (a?){500}a{500}[a-z]{4000}: it took more than 10 seconds of computing to prepare',
  )
  assert.equal(underWay(), [])
})

test('eight slow forms wait or run, and one more is asked to come again', async () => {
  const { prepare, pattern, slow, finish, underWay } = scripted()
  const texts = Array.from({ length: 9 }, (_, i) => `slow ${i + 1}`)
  const all = texts.map((text) => prepare([text]))
  slow(underWay()[0])
  for (let id = 2; id <= 9; id++) {
    const quick = underWay()[1]
    slow(quick)
    quick.events.ended({ who: id })
  }
  const busy = (await all[8]) as Busy
  assert.instance(busy, Busy)
  assert.is(busy.message, 'regex slow 9: too many large forms are waiting; try again later')
  assert.ok(busy.retryAfter > 0)
  for (const text of texts.slice(0, 8)) {
    const lane = underWay().find(({ isWaiting }) => isWaiting) as Preparer
    assert.is(pattern(lane), text)
    finish(lane)
  }
  assert.equal(
    await Promise.all(all.slice(0, 8)),
    texts.slice(0, 8).map((_, i) => [i]),
  )
})

test('a form is prepared once for all that wait for it, and given up when none is left', async () => {
  const { threads, prepare, pattern, finish, underWay } = scripted()
  const [first, second] = [prepare(['a']), prepare(['a'])]
  const [waiting, computing] = [new AbortController(), new AbortController()]
  const aborted = [waiting, computing].map(({ signal }, i) => prepare([['b', 'c'][i]], { signal }))
  const third = prepare(['d'])
  waiting.abort(new Error('gone'))
  assert.is(((await aborted[0]) as Error).message, 'gone')
  finish(threads[0])
  assert.is(pattern(threads[0]), 'c')
  computing.abort(new Error('gone, too'))
  assert.is(((await aborted[1]) as Error).message, 'gone, too')
  assert.ok(threads[0].hasEnded)
  assert.is(pattern(underWay()[0]), 'd')
  finish(underWay()[0])
  assert.equal(await Promise.all([first, second, third, prepare(['a'])]), [[0], [0], [1], [0]])
})

test('a form of several grammars continues with the one that was slow, and its error names that one', async () => {
  const { threads, prepare, finish, slow, underWay } = scripted()
  const others = [prepare(['x']), prepare(['y'])]
  slow(threads[0])
  const quick = underWay()[1]
  finish(quick)
  const form = prepare(['one', 'two', 'three'])
  finish(quick)
  slow(quick)
  quick.events.ended({ who: 3 })
  finish(threads[0])
  const lane = underWay().find(({ isWaiting }) => isWaiting) as Preparer
  assert.equal(lane.posted[0].grammars, ['two', 'three'].map(regex))
  lane.events.received({ id: 3, error: [{ keyword: 'type' }, ' is wrong'] })
  assert.equal(await Promise.all(others), [[2], [0]])
  const { phrase } = (await form) as UserError
  assert.is(messageText(phrase, undefined, '"'), '"type" is wrong')
  const failed = prepare(['one', 'four'])
  finish(underWay()[0])
  underWay()[0].events.ended({ who: 4, error: 'out of memory' })
  underWay()
    .find(({ isWaiting }) => isWaiting)
    ?.events.ended({ who: 4, error: 'out of memory' })
  assert.is(((await failed) as Error).message, 'regex four: it cannot be prepared: out of memory')
})

test.run()
