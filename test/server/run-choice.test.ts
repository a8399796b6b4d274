import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PrefixCache } from '#molm/engine/session/shared/prefix-cache.js'
import { NoRoom, UserError } from '#molm/ground/errors.js'
import type { GenerationResult, MemoryStats, ModelInfo, Session, Step } from '#molm/index.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { CacheMemory } from '#molm/server/run/cache-memory.js'
import type { AnswerPiece } from '#molm/server/run/choice.js'
import type { RunContext } from '#molm/server/run/context.js'
import { Memory } from '#molm/server/run/memory.js'
import { Queue, type Work } from '#molm/server/run/queue.js'
import { runChoice } from '#molm/server/run/run-choice.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('a choice')

/** A context whose sessions throw the next of `errors` at their first token; without one they generate two tokens. */
function contextOf(errors: Error[]) {
  const disposed: number[] = []
  let created = 0
  const createSession = () => {
    const number = created++
    const session = {
      tokens: [] as number[],
      get length() {
        return session.tokens.length
      },
      truncate: () => undefined,
      truncateToCommon: () => 0,
      dispose: () => disposed.push(number),
      async *generate(prompt: number[]): AsyncGenerator<Partial<Step>, Partial<GenerationResult>> {
        const error = errors.shift()
        if (error) throw error
        session.tokens.push(...prompt)
        for (const index of [0, 1]) yield { index, token: 7, text: `${index}`, logprob: -1 }
        return { finishReason: 'eos' }
      },
    }
    return session as unknown as Session
  }
  const stats = async () => ({ cacheTokenBytes: 0, cacheSequenceBytes: 0 }) as MemoryStats
  const memory = new CacheMemory({ stats, info: {} as ModelInfo }, new Memory(LIMITS))
  const context = {
    model: { hasTokenizer: false, generationDefaults: {} },
    prefixCache: new PrefixCache({ createSession }, LIMITS, memory),
    metrics: { queued: () => undefined, promptRead: () => undefined, generated: () => undefined },
    limits: LIMITS,
  } as unknown as RunContext
  return { context, disposed }
}

async function run(context: RunContext, prompt: number[]): Promise<AnswerPiece[]> {
  const reading = { prompt: '', isAnswer: false, isTurn: false }
  const spec = { prompt, options: {}, reading, scorePrompt: false, routes: false }
  const choice = { index: 3, spec, generated: 0, cached: 0 }
  const ticket = new Queue(LIMITS).enter()
  const pieces: AnswerPiece[] = []
  for await (const piece of runChoice(context, choice, ticket)) pieces.push(piece)
  assert.is(choice.generated, 2)
  ticket.leave()
  return pieces
}

const noRoom = () => new NoRoom('no room', { held: 0, more: 1 })

test('has a piece for each token, and one for its end', async () => {
  const { context } = contextOf([])
  const part = 'content'
  const piece = (text: string) => {
    const tokens = [{ token: 7, logprob: -1, top: [] }]
    return { index: 3, text, tokens, events: [{ kind: part, text }], part }
  }
  const end = { index: 3, text: '', tokens: [], finishReason: 'stop', events: [] }
  assert.equal(await run(context, [1]), [piece('0'), piece('1'), end])
})

test('pauses between its tokens while others need its place, and frees it at the end', async () => {
  const { context } = contextOf([])
  const reading = { prompt: '', isAnswer: false, isTurn: false }
  const spec = { prompt: [1], options: { maxTokens: 2 }, reading, scorePrompt: false, routes: false }
  const log: string[] = []
  const turn = async () => {
    log.push('pause')
    await new Promise((resolve) => setImmediate(resolve))
    log.push('turn')
  }
  const slot = async ({ admit }: Work) => {
    assert.ok(admit?.(0))
    return { read: () => undefined, turn, release: () => log.push('free') }
  }
  const ticket = { ...new Queue(LIMITS).enter(), slot }
  for await (const { text, finishReason } of runChoice(context, { index: 0, spec, generated: 0, cached: 0 }, ticket)) {
    log.push(finishReason ?? text)
  }
  assert.equal(log, ['0', 'pause', 'turn', '1', 'free', 'stop'])
})

test('runs again without the caches at rest if the engine has no room, once', async () => {
  const errors: Error[] = []
  const { context, disposed } = contextOf(errors)
  await run(context, [1, 2, 3])
  errors.push(noRoom())
  assert.is((await run(context, [4, 5, 6])).length, 3)
  assert.equal(disposed, [0, 1], 'the session at rest, then the one that failed')
  errors.push(noRoom(), noRoom())
  assert.instance(await thrownBy(run(context, [7, 8, 9])), NoRoom)
})

test('does not run again after any other error', async () => {
  const errors: Error[] = []
  const { context, disposed } = contextOf(errors)
  await run(context, [1, 2, 3])
  errors.push(new UserError('the file has changed'))
  assert.match(String(await thrownBy(run(context, [4, 5, 6]))), /the file has changed/)
  assert.equal(disposed, [1])
})

test.run()
