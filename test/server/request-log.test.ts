import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createApp } from '#molm/server/app.js'
import { endpointsOf } from '#molm/server/endpoints.js'
import type { RequestEntry } from '#molm/server/http/request-state.js'
import { ServedModels } from '#molm/server/models/served-models.js'
import { get, post, type Served, serveSharedNano, until } from './served.js'

const test = suite('the log of requests')

const PATH = '/v1/completions'
const ENDLESS = { model: 'nano', prompt: 'Once', max_tokens: 30_000, ignore_eos: true }
const log: RequestEntry[] = []
let served: Served

test.before(async () => {
  served = await serveSharedNano({ onRequest: (entry) => log.push(entry) })
})
test.before.each(() => {
  log.length = 0
})
test.after(() => served.close())

/** Waits for the entry of a path, which comes a moment after its response. */
async function entryOf(path: string): Promise<RequestEntry> {
  await until(() => log.some((entry) => entry.path === path))
  return log.find((entry) => entry.path === path) as RequestEntry
}

async function isRunning(): Promise<boolean> {
  return (await get(served.url, '/health')).body.running > 0
}

/** Number of tokens generated so far, for all requests. */
async function generated(): Promise<number> {
  const { body } = await get(served.url, '/metrics')
  return Number(/^molm_generated_tokens_total (\d+)$/m.exec(body)?.[1])
}

test('an answered request has the id of its response, and is not cut off', async () => {
  const { headers } = await post(served.url, PATH, { prompt: 'The lantern', max_tokens: 3, ignore_eos: true })
  const { ms, ...entry } = await entryOf(PATH)
  const id = headers.get('x-request-id')
  const tokens = { prompt: 4, generated: 3 }
  assert.equal(entry, { id, method: 'POST', path: PATH, status: 200, tokens, isCutOff: false })
  assert.ok(ms > 0)
})

test('a stream that is cut off has the number of generated tokens', async () => {
  const controller = new AbortController()
  const stream = await served.client.completions.create({ ...ENDLESS, stream: true }, { signal: controller.signal })
  let count = 0
  for await (const _ of stream) if (++count === 7) controller.abort()
  const { status, tokens, isCutOff } = await entryOf(PATH)
  assert.equal([status, isCutOff], [200, true])
  assert.ok(tokens && tokens.generated >= 7, JSON.stringify(tokens))
})

test('a request whose client disconnects before the answer has an entry, too', async () => {
  const before = await generated()
  const controller = new AbortController()
  const answer = served.client.completions.create(ENDLESS, { signal: controller.signal }).catch(() => undefined)
  await until(async () => (await generated()) > before + 5)
  controller.abort()
  await answer
  const { status, tokens, isCutOff } = await entryOf(PATH)
  assert.equal([status, isCutOff], [499, true])
  assert.ok(tokens && tokens.generated > 5, JSON.stringify(tokens))
  await until(async () => !(await isRunning()))
})

test('a request whose body never ends has an entry, too', async () => {
  const socket = net.connect(Number(new URL(served.url).port), '127.0.0.1')
  const head =
    'POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n'
  socket.write(`${head}\r\n{"pro`, () => socket.destroy())
  assert.ok((await entryOf('/tokenize')).isCutOff)
})

test('an unexpected error is reported with the id of its response', async () => {
  const told: unknown[] = []
  const onError = (error: unknown, id?: string) => told.push([(error as Error).message, id])
  const models = ServedModels.of(served.model, {}, endpointsOf, { onError })
  models.first.queue.enter = () => {
    throw new Error('broken')
  }
  const app = createApp(models)
  const headers = { 'Content-Type': 'application/json', Host: 'localhost' }
  const response = await app.request('/tokenize', { method: 'POST', headers, body: '{"prompt": "a"}' })
  assert.is(response.status, 500)
  assert.equal(told, [['broken', response.headers.get('x-request-id')]])
})

test.run()
