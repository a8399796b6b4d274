import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyword, phrase } from '#molm/ground/message.js'
import { canBeTakenOver, failGuide, GuideReader, GuideWriter, guideMemory } from '#molm/text/grammar/guide-memory.js'

const test = suite('memory of guides')

const VOCABULARY = 40

test('the failure of a guide keeps its names as data, and one too long for the memory its beginning', () => {
  const memory = guideMemory(VOCABULARY, 10)
  const reader = new GuideReader(memory, VOCABULARY)
  const message = phrase`schema \u{1f600} "é": ${keyword('type')} is wrong`
  failGuide(memory, message)
  assert.equal(reader.directive(), { kind: 'failed', message })
  failGuide(memory, 'é'.repeat(5_000))
  const failed = reader.directive() as { message: string }
  assert.match(failed.message, /^é{100,}$/)
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
