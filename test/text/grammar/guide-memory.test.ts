import { setImmediate as nextTurn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyword, phrase } from '#molm/ground/message.js'
import { GuideOwner, GuideReader, GuideWriter } from '#molm/text/grammar/guide-ends.js'
import { type GuideMemory, guideMemory } from '#molm/text/grammar/guide-memory.js'

const test = suite('memory of guides')

const VOCABULARY = 40

test('the failure of a guide keeps its names as data, and one too long for the memory its beginning', () => {
  const guide = new GuideOwner(VOCABULARY, 10)
  const reader = new GuideReader(guide.memory, VOCABULARY)
  const message = phrase`schema \u{1f600} "é": ${keyword('type')} is wrong`
  guide.fail(message)
  assert.equal(reader.directive(), { kind: 'failed', message })
  guide.fail('é'.repeat(5_000))
  const failed = reader.directive() as { message: string }
  assert.match(failed.message, /^é{100,}$/)
})

test('the memory of a guide has room for the tokens of its text only', () => {
  const bytes = (tokens?: number) => guideMemory(VOCABULARY, tokens).buffer.byteLength
  assert.is(bytes(60) - bytes(10), 4 * 50)
  assert.is(bytes(), bytes(2 ** 20))
  const guide = new GuideOwner(VOCABULARY, 2)
  const reader = new GuideReader(guide.memory, VOCABULARY)
  for (const token of [7, 8]) reader.tell(token)
  assert.ok(guide.canBeTakenOver)
  reader.tell(9)
  assert.not.ok(guide.canBeTakenOver)
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

test('ends with copies of the memory hear by messages what the others have written, also before they came', async () => {
  const guide = new GuideOwner(VOCABULARY, 10, false)
  const copy = ({ buffer, channel }: GuideMemory) => ({ buffer: buffer.slice(0), channel })
  const former = new GuideWriter(copy(guide.memory))
  former.answer({ kind: 'forced', tokens: Int32Array.of(3, 4) })
  const reader = new GuideReader(copy(guide.memory), VOCABULARY)
  const directive = async () => {
    for (;;) {
      const found = reader.directive(1)
      if (found) return found
      await nextTurn()
    }
  }
  assert.equal(await directive(), { kind: 'forced', tokens: Int32Array.of(3, 4) })
  reader.tell()
  assert.is(await former.heardToken(), undefined)
  const next = new GuideWriter(copy(guide.memory))
  assert.is(await next.heardToken(), undefined)
  next.answer({ kind: 'masked', mask: Int32Array.of(5, 0) })
  assert.equal(await directive(), { kind: 'masked', mask: Int32Array.of(5, 0) })
  reader.tell(2)
  assert.equal(await Promise.all([former.heardToken(), next.heardToken()]), [2, 2])
  assert.is(guide.told, 2)
  guide.fail('it took too long')
  assert.equal(await directive(), { kind: 'failed', message: 'it took too long' })
  next.answer({ kind: 'free' })
  guide.close()
  assert.is(await next.heardToken(), undefined)
  assert.ok(next.isClosed)
  assert.equal(reader.directive(), { kind: 'failed', message: 'it took too long' })
})

test.run()
