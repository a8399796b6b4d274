import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Busy } from '#molm/ground/errors.js'
import { messageText } from '#molm/ground/message.js'
import { FOLLOWING, FollowedText } from '#molm/text/grammar/guide-client.js'
import { GuideOwner, GuideReader } from '#molm/text/grammar/guide-ends.js'
import { Lanes } from '#molm/text/grammar/lanes.js'
import type { FollowReply, FollowRequest, PreparedGrammar } from '#molm/text/grammar/protocol.js'
import { ScriptedThread } from './scripted-thread.js'

const test = suite('following guides')

type Follower = ScriptedThread<FollowRequest, FollowReply>

const VOCABULARY = 40

function scripted() {
  const threads: Follower[] = []
  const lanes = new Lanes<FollowReply>((events) => {
    threads.push(new ScriptedThread(events))
    return threads[threads.length - 1]
  }, FOLLOWING)
  let grammars = 0
  const grammar = (): PreparedGrammar => ({ number: grammars++, words: new SharedArrayBuffer(4) })
  const open = (name: string, of = grammar(), client?: string) => {
    const guide = new GuideOwner(VOCABULARY)
    const text = new FollowedText(guide, name, { phases: '[]', grammars: [of], eos: [] }, client)
    lanes.add(text)
    const outcome = text.untilReady().then(
      () => 'opened',
      (error: Error) => error,
    )
    return { outcome, reader: new GuideReader(guide.memory, VOCABULARY), close: () => lanes.remove(text) }
  }
  return { threads, open, grammar }
}

const failureOf = (reader: GuideReader) => {
  const directive = reader.directive()
  return directive?.kind === 'failed' ? messageText(directive.message) : directive
}

/** Ids of the guides that a thread follows, in order. */
const followedBy = ({ posted }: Follower) => posted.flatMap((one) => (one.leave ? [] : [one.id]))

test('of a thread that must end, the guide of its work continues apart and the others together', () => {
  const { threads, open } = scripted()
  for (const name of ['begun', 'slow', 'new', 'newest']) {
    const { reader } = open(name)
    if (name === 'begun') reader.tell(1)
  }
  threads[0].work(2, 249, 50)
  assert.not.ok(threads[0].hasEnded)
  threads[0].work(2, 250, 1)
  assert.ok(threads[0].hasEnded)
  threads[0].events.ended({ who: 2 })
  const [quick, slow] = threads.slice(1)
  assert.equal([followedBy(quick), followedBy(slow)], [[1, 3, 4], [2]])
  assert.equal([quick.isWaiting, slow.isWaiting], [false, true])
})

test('of a client whose texts all hang, one at a time delays the text of another client', () => {
  const { threads, open, grammar } = scripted()
  for (let i = 0; i < 20; i++) open('hanging', grammar(), 'greedy')
  open('simple', grammar(), 'other')
  assert.equal(followedBy(threads[0]), [1, 21])
  threads[0].work(1, 250)
  threads[0].events.ended({ who: 1 })
  assert.equal(threads.slice(1).map(followedBy), [[1], [21, 2], []])
})

test('a guide that computes much for its tokens leaves for the slow lane, and so does its grammar', () => {
  const { threads, open, grammar } = scripted()
  const form = grammar()
  const { reader } = open('slow', form)
  for (let i = 0; i < 10; i++) reader.tell(1)
  threads[0].work(1, 0, 149)
  assert.is(threads[0].posted.length, 1)
  threads[0].work(1, 0, 1)
  assert.equal(threads[0].posted[1], { id: 1, leave: true })
  threads[0].events.received({ id: 1, hasLeft: true })
  open('slow', form)
  open('quick')
  assert.equal(threads.map(followedBy), [
    [1, 3],
    [1, 2],
  ])
})

test('in the slow lane, only the guide of the work fails, in words that name its form', () => {
  const { threads, open, grammar } = scripted()
  const form = grammar()
  open('any', form)
  threads[0].work(1, 0, 100)
  threads[0].events.received({ id: 1, hasLeft: true })
  const guilty = open('regex (a?){500}', form)
  const other = open('any', form)
  threads[1].work(2, 9_999, 1)
  assert.not.ok(threads[1].hasEnded)
  threads[1].work(2, 10_000, 1)
  threads[1].events.ended({ who: 2 })
  assert.is(failureOf(guilty.reader), 'regex (a?){500}: it took more than 10 seconds of computing for one token')
  assert.is(other.reader.directive(), undefined)
  assert.equal(followedBy(threads[2]), [1, 3])
})

test('a thread that fails without work fails its guides; one that is short of memory only its work', () => {
  const { threads, open } = scripted()
  const first = open('first')
  threads[0].events.ended({ who: 0, error: 'cannot start' })
  assert.is(failureOf(first.reader), 'the thread of forms failed: cannot start')
  const [large, other] = [open('large'), open('other')]
  threads[1].events.ended({ who: 2, error: 'out of memory' })
  const slow = threads.find(({ isWaiting }) => isWaiting)
  slow?.events.ended({ who: 2, error: 'out of memory' })
  assert.is(failureOf(large.reader), 'large: it failed: out of memory')
  assert.is(other.reader.directive(), undefined)
})

test('a text of more tokens than stay in memory fails with its thread', () => {
  const { threads, open } = scripted()
  const { reader } = open('the form')
  for (let i = 0; i < 2 ** 15; i++) reader.tell(1)
  threads[0].events.ended({ who: 0 })
  assert.is(failureOf(reader), 'the form: the text is too long to continue in another thread')
})

test('threads without guides end, but for one of quick guides', () => {
  const { threads, open } = scripted()
  const [slow, quick] = [open('slow'), open('quick')]
  threads[0].events.received({ id: 1 })
  threads[0].events.received({ id: 2 })
  threads[0].work(1, 250)
  threads[0].events.ended({ who: 1 })
  for (const { close } of [slow, quick]) close()
  assert.equal(
    threads.filter(({ hasEnded }) => !hasEnded).map(({ isWaiting }) => isWaiting),
    [false],
  )
})

test('a guide opens with its first limits, or with the error in their place', async () => {
  const { threads, open } = scripted()
  const [good, bad, failed] = ['good', 'bad', 'failed'].map((name) => open(name))
  threads[0].events.received({ id: 2, error: 'too many readings' })
  threads[0].events.received({ id: 1 })
  threads[0].events.ended({ who: 0, error: 'no memory' })
  assert.is(await good.outcome, 'opened')
  const errors = (await Promise.all([bad.outcome, failed.outcome])) as Error[]
  assert.equal(
    errors.map(({ message }) => message),
    ['too many readings', 'the thread of forms failed: no memory'],
  )
})

test('a guide that finds eight slow ones is asked to come again, unless its text has begun', async () => {
  const { threads, open, grammar } = scripted()
  const form = grammar()
  const begun = open('begun')
  threads[0].events.received({ id: 1 })
  const slow = [2, 3, 4, 5, 6, 7, 8, 9, 10].map(() => open('regex (a?){500}', form))
  for (const id of [2, 3, 4, 5, 6, 7, 8, 9, 10, 1]) {
    threads[0].work(id, 0, 150)
    threads[0].events.received({ id, hasLeft: true })
  }
  const busy = (await slow[8].outcome) as Busy
  assert.instance(busy, Busy)
  assert.is(busy.message, 'regex (a?){500}: too many slow forms at once; try again later')
  assert.instance(await open('regex (a?){500}', form).outcome, Busy)
  assert.equal(followedBy(threads[1]), [2, 3, 4, 5, 6, 7, 8, 9, 1])
  assert.is(await begun.outcome, 'opened')
})

test('a thread that computes for a text that was closed ends, and so does one in reserve that fails', () => {
  const { threads, open } = scripted()
  const text = open('closed')
  threads[0].events.received({ id: 1 })
  text.close()
  threads[0].work(1, 250)
  assert.ok(threads[0].hasEnded)
  open('slow')
  const other = open('other')
  threads[1].events.ended({ who: 2 })
  const [reserve] = threads.filter(({ posted, hasEnded }) => posted.length === 0 && !hasEnded)
  reserve.events.ended({ who: 0, error: 'cannot start' })
  threads[3].events.ended({ who: 0 })
  assert.equal(followedBy(threads.at(-2) as Follower), [3])
  assert.is(other.reader.directive(), undefined)
})

test.run()
