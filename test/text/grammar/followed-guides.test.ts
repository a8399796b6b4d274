import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Busy } from '#molm/ground/errors.js'
import { FollowedGuides } from '#molm/text/grammar/followed-guides.js'
import { canBeTakenOver, GuideReader, GuideWriter, guideMemory } from '#molm/text/grammar/guide-memory.js'
import type { FollowReply, FollowRequest, PreparedGrammar } from '#molm/text/grammar/protocol.js'
import { ScriptedThread } from './scripted-thread.js'

const test = suite('following guides')

type Follower = ScriptedThread<FollowRequest, FollowReply>

const LIMITS = { quickMs: 250, textMs: 100, tokenMs: 5, mostMs: 10_000, slowTexts: 3 }
const VOCABULARY = 40

function scripted() {
  const threads: Follower[] = []
  const followed = new FollowedGuides((events) => {
    threads.push(new ScriptedThread(events))
    return threads[threads.length - 1]
  }, LIMITS)
  let grammars = 0
  const grammar = (): PreparedGrammar => ({ number: grammars++, words: new SharedArrayBuffer(4) })
  const open = (name: string, of = grammar()) => {
    const memory = guideMemory(VOCABULARY)
    const opened = followed.open({ phases: '[]', grammars: [of], eos: [], memory }, name)
    const outcome = opened.then(
      () => 'opened',
      (error: Error) => error,
    )
    return { opened, outcome, reader: new GuideReader(memory, VOCABULARY) }
  }
  return { threads, followed, open, grammar }
}

/** Ids of the guides that a thread follows, in order. */
const followedBy = ({ posted }: Follower) => posted.flatMap((one) => (one.kind === 'follow' ? [one.id] : []))

test('of a thread that must end, the guide of its work continues apart and the others together, begun ones last', () => {
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
  const [slow, quick] = threads.slice(1)
  assert.equal([followedBy(quick), followedBy(slow)], [[3, 4, 1], [2]])
  assert.equal([quick.isWaiting, slow.isWaiting], [false, true])
})

test('a guide that computes much for its tokens leaves for the slow lane, and so does its grammar', () => {
  const { threads, open, grammar } = scripted()
  const form = grammar()
  const { reader } = open('slow', form)
  for (let i = 0; i < 10; i++) reader.tell(1)
  threads[0].work(1, 0, 149)
  assert.is(threads[0].posted.length, 1)
  threads[0].work(1, 0, 1)
  assert.equal(threads[0].posted[1], { kind: 'leave', id: 1 })
  threads[0].events.received({ kind: 'left', id: 1 })
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
  threads[0].events.received({ kind: 'left', id: 1 })
  const guilty = open('regex (a?){500}', form)
  const other = open('any', form)
  threads[1].work(2, 9_999, 1)
  assert.not.ok(threads[1].hasEnded)
  threads[1].work(2, 10_000, 1)
  threads[1].events.ended({ who: 2 })
  assert.equal(guilty.reader.directive(), {
    kind: 'failed',
    message: 'regex (a?){500}: it took more than 10 seconds of computing for one token',
  })
  assert.is(other.reader.directive(), undefined)
  assert.equal(followedBy(threads[2]), [1, 3])
})

test('a thread that fails without work fails its guides; one that is short of memory only its work', () => {
  const { threads, open } = scripted()
  const first = open('first')
  threads[0].events.ended({ who: 0, error: 'cannot start' })
  assert.equal(first.reader.directive(), { kind: 'failed', message: 'the thread of forms failed: cannot start' })
  const [large, other] = [open('large'), open('other')]
  threads[1].events.ended({ who: 2, error: 'out of memory' })
  const slow = threads.find(({ isWaiting }) => isWaiting)
  slow?.events.ended({ who: 2, error: 'out of memory' })
  assert.equal(large.reader.directive(), { kind: 'failed', message: 'large: it failed: out of memory' })
  assert.is(other.reader.directive(), undefined)
})

test('a text of more tokens than stay in memory fails with its thread', () => {
  const { threads, open } = scripted()
  const { reader } = open('the form')
  for (let i = 0; i < 2 ** 15; i++) reader.tell(1)
  threads[0].events.ended({ who: 0 })
  const message = 'the form: the text is too long to continue in another thread'
  assert.equal(reader.directive(), { kind: 'failed', message })
})

test('threads without guides end, but for one of quick guides', async () => {
  const { threads, open } = scripted()
  const [slow, quick] = [open('slow'), open('quick')]
  threads[0].events.received({ kind: 'begun', id: 1 })
  threads[0].events.received({ kind: 'begun', id: 2 })
  threads[0].work(1, 250)
  threads[0].events.ended({ who: 1 })
  for (const { opened } of [slow, quick]) (await opened)()
  assert.equal(
    threads.filter(({ hasEnded }) => !hasEnded).map(({ isWaiting }) => isWaiting),
    [false],
  )
})

test('a guide opens with its first limits, or with the error in their place', async () => {
  const { threads, open } = scripted()
  const [good, bad, failed] = ['good', 'bad', 'failed'].map((name) => open(name))
  threads[0].events.received({ kind: 'begun', id: 2, error: 'too many readings' })
  threads[0].events.received({ kind: 'begun', id: 1 })
  threads[0].events.ended({ who: 0, error: 'no memory' })
  assert.is(await good.outcome, 'opened')
  const errors = (await Promise.all([bad.outcome, failed.outcome])) as Error[]
  assert.equal(
    errors.map(({ message }) => message),
    ['too many readings', 'the thread of forms failed: no memory'],
  )
})

test('slow guides that find too many others are asked to come again, unless their texts have begun', async () => {
  const { threads, open, grammar } = scripted()
  const form = grammar()
  const begun = open('begun')
  threads[0].events.received({ kind: 'begun', id: 1 })
  const slow = [2, 3, 4, 5].map(() => open('regex (a?){500}', form))
  for (const id of [2, 3, 4, 5, 1]) {
    threads[0].work(id, 0, 150)
    threads[0].events.received({ kind: 'left', id })
  }
  const busy = (await slow[3].outcome) as Busy
  assert.instance(busy, Busy)
  assert.is(busy.message, 'regex (a?){500}: too many slow forms at once; try again later')
  assert.instance(await open('regex (a?){500}', form).outcome, Busy)
  assert.equal(followedBy(threads[1]), [2, 3, 4, 1])
  assert.is(await begun.outcome, 'opened')
})

test('the memory of a guide has room for the tokens of its text only', () => {
  const bytes = (tokens?: number) => guideMemory(VOCABULARY, tokens).byteLength
  assert.is(bytes(60) - bytes(10), 4 * 50)
  assert.is(bytes(), bytes(2 ** 20))
  const memory = guideMemory(VOCABULARY, 2)
  const reader = new GuideReader(memory, VOCABULARY)
  for (const token of [7, 8]) reader.tell(token)
  assert.ok(canBeTakenOver(memory))
  reader.tell(9)
  assert.not.ok(canBeTakenOver(memory))
})

test('another thread hears all tokens again, and answers only what has no answer yet', async () => {
  const memory = guideMemory(VOCABULARY)
  const reader = new GuideReader(memory, VOCABULARY)
  const [former, next] = [new GuideWriter(memory), new GuideWriter(memory)]
  const mask = (bits: number) => ({ kind: 'masked' as const, mask: Int32Array.of(bits, 0) })
  former.answer(mask(1))
  reader.tell(7)
  assert.is(await former.heardToken(), 7)
  former.answer({ kind: 'forced', tokens: Int32Array.of(3, 4) })
  reader.tell()
  assert.is(await former.heardToken(), undefined)
  former.answer(mask(2))
  next.answer(mask(8))
  assert.is(await next.heardToken(), 7)
  next.answer({ kind: 'free' })
  assert.is(await next.heardToken(), undefined)
  next.answer(mask(16))
  assert.equal(reader.directive(), mask(2))
  reader.tell(5)
  assert.is(await next.heardToken(), 5)
  next.answer(mask(4))
  assert.equal(reader.directive(), mask(4))
})

test.run()
