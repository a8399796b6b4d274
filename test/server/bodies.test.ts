import { Hono } from 'hono'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import type { Model } from '#molm/index.js'
import { apiOf } from '#molm/server/apis.js'
import { ApiError, ClientGone } from '#molm/server/common/api-error.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { Bodies, type ReceivedBody } from '#molm/server/http/bodies.js'
import { keptBytes, readBody } from '#molm/server/http/body.js'
import { everyRequest } from '#molm/server/http/request-state.js'
import { Memory, type MemoryLimits } from '#molm/server/run/memory.js'
import { LoopCounter } from '../support/event-loop.js'
import { thrownBy } from '../support/rejects.js'
import { send, serveNano, until } from './served.js'

/* All bodies share a bound, from their first bytes until their requests have been answered. */
const test = suite('bodies')

const KIB = 2 ** 10

/** Bodies with limits of their own. */
function bodiesOf(limits: Partial<MemoryLimits> = {}): Bodies {
  return new Bodies(new Memory({ ...LIMITS, ...limits }))
}

/** A body whose chunks the test sends one by one. */
function sender() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let isCancelled = false
  const stream = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own
    },
    cancel() {
      isCancelled = true
    },
  })
  return {
    stream,
    send: (bytes: number) => controller?.enqueue(new Uint8Array(bytes).fill(7)),
    end: () => controller?.close(),
    breakOff: () => controller?.error(new Error('reset')),
    get isCancelled() {
      return isCancelled
    },
  }
}

/** Waits until sent chunks have arrived. */
const arrival = () => new Promise((resolve) => setImmediate(resolve))

test('a body is received whole, however small its chunks', async () => {
  const body = sender()
  const received = bodiesOf({ bodyBytes: 300 * KIB, bodiesBytes: 600 * KIB }).receive(body.stream)
  for (let i = 0; i < 1000; i++) body.send(1)
  body.send(200 * KIB)
  body.end()
  const { bytes } = await received
  assert.is(bytes.length, 1000 + 200 * KIB)
  assert.ok(bytes.every((byte) => byte === 7))
})

test('a body that is too long is refused by its declared length, and by its real one', async () => {
  const bodies = bodiesOf({ bodyBytes: KIB, bodiesBytes: 10 * KIB })
  const status = async (announced: number | undefined, sent: number) => {
    const body = sender()
    body.send(sent)
    const error = await thrownBy(bodies.receive(body.stream, announced))
    assert.instance(error, ApiError)
    return (error as ApiError).status
  }
  assert.is(await status(KIB + 1, 1), 413)
  assert.is(await status(undefined, KIB + 1), 413)
})

test('a client that disconnects ends its body', async () => {
  const body = sender()
  const received = bodiesOf({ bodyBytes: KIB, bodiesBytes: 10 * KIB }).receive(body.stream)
  body.send(10)
  body.breakOff()
  assert.instance(await thrownBy(received), ClientGone)
})

test('when bodies exceed their bound, the oldest unfinished one is dropped', async () => {
  const bodies = bodiesOf({ bodyBytes: 512 * KIB, bodiesBytes: 1024 * KIB })
  const slow = [sender(), sender()]
  const halves = slow.map(({ stream }) => thrownBy(bodies.receive(stream)))
  const small = sender()
  const tiny = bodies.receive(small.stream)
  small.send(10)
  for (const { send } of slow) send(400 * KIB)
  await arrival()
  const quick = sender()
  const whole = bodies.receive(quick.stream)
  quick.send(400 * KIB)
  quick.end()
  assert.is((await whole).bytes.length, 400 * KIB)
  const error = (await halves[0]) as ApiError
  assert.is(error.status, 503)
  assert.is(error.details.code, 'too_many_bodies')
  assert.ok(Number(error.details.retryAfter) > 0)
  assert.ok(slow[0].isCancelled)
  assert.not(slow[1].isCancelled)
  small.end()
  assert.is((await tiny).bytes.length, 10, 'a small body never makes room')
  // A released body takes no room.
  ;(await whole).release()
  const next = sender()
  const again = bodies.receive(next.stream)
  next.send(500 * KIB)
  next.end()
  assert.is((await again).bytes.length, 500 * KIB)
  assert.not(slow[1].isCancelled)
})

test('simultaneous large bodies are checked in separate turns of the event loop', async () => {
  const loop = new LoopCounter()
  const checkedIn: number[] = []
  const schema = z.strictObject({ prompt: z.custom(() => checkedIn.push(loop.turns) > 0) })
  const serving = { bodies: bodiesOf(), id: 'nano', model: { name: 'nano' } as Model }
  const app = new Hono()
  app.use(everyRequest(apiOf))
  app.post('/', async (c) => c.json(await readBody(c, schema, serving)))
  const body = JSON.stringify({ prompt: 'a'.repeat(500 * KIB) })
  const ask = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
  const answers = await Promise.all([1, 2, 3, 4].map(() => app.request('/', ask)))
  loop.stop()
  for (const { status } of answers) assert.is(status, 200)
  assert.is(new Set(checkedIn).size, 4, `in the turns ${checkedIn}`)
})

/** Receives a body of `kib` KiB. */
function receive(bodies: Bodies, kib: number): Promise<ReceivedBody> {
  const body = sender()
  body.send(kib * KIB)
  body.end()
  return bodies.receive(body.stream)
}

async function refused(use: () => unknown): Promise<void> {
  const error = (await thrownBy((async () => use())())) as ApiError
  assert.is(error.status, 503)
}

test('a complete body counts until it is released, before and after it is parsed', async () => {
  const bodies = bodiesOf({ bodyBytes: 512 * KIB, bodiesBytes: 1024 * KIB })
  const first = await receive(bodies, 500)
  const second = await receive(bodies, 500)
  await refused(() => receive(bodies, 100))
  assert.is(first.bytes.length, 500 * KIB, 'what is whole is not dropped')
  first.parsed(300 * KIB)
  assert.is(first.bytes.length, 0)
  const third = await receive(bodies, 200)
  await refused(() => receive(bodies, 100))
  first.release()
  second.release()
  third.release()
  await receive(bodies, 512)
  await receive(bodies, 512)
})

test('a body whose values exceed the free memory is refused once it is parsed', async () => {
  const bodies = bodiesOf({ bodyBytes: 512 * KIB, bodiesBytes: 1024 * KIB })
  const other = await receive(bodies, 500)
  const body = await receive(bodies, 100)
  await refused(() => body.parsed(600 * KIB))
  other.parsed(1024 * KIB)
})

test('the values of a body count until its request has been answered', async () => {
  const served = await serveNano({ limits: { bodiesBytes: 2 ** 20 } })
  const large = 'a'.repeat(600 * KIB)
  const controller = new AbortController()
  const ask = (more: object) => {
    const body = { prompt: 'Once', ignore_eos: true, ...more }
    return send(served.url, '/v1/completions', body, controller)
  }
  // A client may have its answer before the server knows that it was sent, and a refusal before its body is complete.
  const comesTo = (status: number) =>
    until(async () => {
      const response = await ask({ stop: large, max_tokens: 1 }).catch(() => undefined)
      await response?.text().catch(() => undefined)
      return response?.status === status
    })
  const long = { max_tokens: 30_000, stream: true }
  try {
    // Labels are not kept.
    const labelled = await ask({ ...long, user: large })
    assert.is(labelled.status, 200)
    await comesTo(200)
    await labelled.body?.cancel()
    // Values that affect the answer are.
    let stopping: Response | undefined
    await until(async () => {
      stopping = await ask({ ...long, stop: large }).catch(() => undefined)
      return stopping?.status === 200
    })
    await comesTo(503)
    await stopping?.body?.cancel()
    await comesTo(200)
  } finally {
    controller.abort()
    await served.close()
  }
})

test('the estimated memory of parsed values is close to V8’s, however short their JSON', () => {
  assert.is(keptBytes(['a'.repeat(1000)]) > 1000, true)
  assert.ok(keptBytes(JSON.parse(`[${'[],'.repeat(999)}[]]`)) >= 40 * 1000)
  assert.ok(keptBytes(JSON.parse(`[${'1,'.repeat(999)}1]`)) >= 8 * 1000)
  assert.ok(keptBytes({ a: { b: null }, c: undefined }) > 100)
})

test.run()
