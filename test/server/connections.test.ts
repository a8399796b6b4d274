import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import net from 'node:net'
import OpenAI from 'openai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Limits } from '#molm/server/common/limits.js'
import { listen } from '#molm/server/listen.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { get, post, type Served, serverFor, serveSharedNano, until, withNano } from './served.js'

/* Clients that disconnect, stop reading, send half a request, or find no place. None may disturb the others. */
const test = suite('connections')

const ENDLESS = { prompt: 'Once', max_tokens: 30_000, ignore_eos: true, temperature: 1 }
const LIMITS = { parallel: 2, waiting: 2, promptTokens: 10_000_000, drainMs: 300 }
const served = serverFor(test, () => serveSharedNano({ limits: LIMITS }))

/**
 * A server of a test's own, with other limits. Short times are for the connections that they close: on a busy machine
 * they would also end others.
 */
function withOwnServer(use: (own: Served) => Promise<void>, limits: Partial<Limits> = {}): Promise<void> {
  return withNano({ limits: { ...LIMITS, ...limits } }, served.model, use)
}

/** Runs `use` with the server's end of each connection that comes meanwhile. */
async function withAccepted(use: (accepted: net.Socket[]) => Promise<void>): Promise<void> {
  const accepted: net.Socket[] = []
  const take = (message: unknown) => accepted.push((message as { socket: net.Socket }).socket)
  subscribe('net.server.socket', take)
  try {
    await use(accepted)
  } finally {
    unsubscribe('net.server.socket', take)
  }
}

/** Number of sequences in the engine, including sequences that wait for their readers. */
const running = async ({ model } = served) => (await model.stats()).sequencesRunning
const tokens = async ({ model } = served) => (await model.stats()).tokensProcessed

/** Opens a connection, sends a request, and reads nothing. */
function send(path: string, body: object, { url } = served): net.Socket {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname).pause()
  socket.on('error', () => undefined)
  const text = JSON.stringify(body)
  const length = Buffer.byteLength(text)
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
  socket.write(`${head}Content-Length: ${length}\r\n\r\n${text}`)
  return socket
}

/** Writes a text and reads until the server closes the connection. */
async function exchange(text: string, { url } = served): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.write(text)
  let answer = ''
  socket.setEncoding('utf8').on('data', (piece) => {
    answer += piece
  })
  await once(socket, 'close')
  return answer
}

/** Waits until the model is idle. */
async function assertAtRest(own = served): Promise<void> {
  await until(async () => (await running(own)) === 0)
  const before = await tokens(own)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.is(await tokens(own), before)
}

test('a client that aborts its stream ends the generation', async () => {
  const controller = new AbortController()
  const ask = { ...ENDLESS, model: 'nano', stream: true } as const
  const stream = await served.client.completions.create(ask, { signal: controller.signal })
  let count = 0
  for await (const _ of stream) if (++count === 5) controller.abort()
  await assertAtRest()
})

test('after a client has left its stream, the same text is continued as in a new session', async () => {
  for (const left of [2, 5, 11]) {
    // Each round has a new text, so that no other session at rest begins with it.
    const prompt = [300 + left, ...served.model.tokenizer.encode('The old lantern of the house')]
    const session = served.model.createSession()
    const more: number[] = []
    // Enough to be shared with the session that was left, however late the model learns of it.
    const options = { maxTokens: 80, temperature: 0, ignoreEos: true, stop: [] }
    for await (const { token } of session.generate(prompt, options)) more.push(token)
    session.dispose()
    const controller = new AbortController()
    const ask = { ...ENDLESS, model: 'nano', prompt, temperature: 0, stream: true } as const
    const stream = await served.client.completions.create(ask, { signal: controller.signal })
    let count = 0
    for await (const _ of stream) if (++count === left) controller.abort()
    await until(async () => (await health()).running === 0)
    const body = { prompt: [...prompt, ...more], max_tokens: 1, temperature: 0, logprobs: 0 }
    const continued = await post(served.url, '/v1/completions', body)
    const alone = await post(served.url, '/v1/completions', { ...body, echo: true })
    const [got] = continued.body.choices[0].logprobs.token_logprobs
    assert.is(got, alone.body.choices[0].logprobs.token_logprobs.at(-1), `${left} events`)
    assert.ok(continued.body.usage.prompt_tokens_details.cached_tokens > 0)
  }
})

test('a client that is killed before its answer is complete ends the generation', async () => {
  const before = await tokens()
  const socket = send('/v1/completions', ENDLESS)
  await until(async () => (await tokens()) > before + 20)
  socket.destroy()
  await assertAtRest()
  assert.ok((await tokens()) < before + 5_000)
})

test('the same happens while a long prompt is read, and while the request waits', async () => {
  const before = await tokens()
  const length = 20_000
  const long = { prompt: new Array(length).fill(5), max_tokens: 1 }
  const sockets = [long, long, long].map((body) => send('/v1/completions', body))
  await until(async () => (await health()).waiting === 1)
  for (const socket of sockets.reverse()) socket.destroy()
  await assertAtRest()
  assert.ok((await tokens()) < before + 2 * length, 'two were read together')
  await until(async () => (await health()).running === 0)
})

async function health() {
  return (await get(served.url, '/health')).body
}

const STALL = { stallMs: 1_500 }

test('the connection of an answer that its client does not read is closed, complete or streamed, and others run', () =>
  withOwnServer(async (own) => {
    await withAccepted(async (accepted) => {
      const ask = { prompt: ' of the house and'.repeat(6_000), echo: true, n: 128, max_tokens: 0 }
      const whole = ask.n * ask.prompt.length
      const sockets = [false, true].map((stream) => send('/v1/completions', { ...ask, stream }, own))
      await until(() => accepted.length === 2, 'the connections')
      const [complete, streamed] = accepted
      assert.is((await post(own.url, '/v1/completions', { prompt: 'A dog', max_tokens: 2 })).status, 200)
      await until(() => complete.destroyed && streamed.destroyed, 'the end of the connections')
      for (const socket of sockets) {
        let bytes = 0
        socket.on('data', (chunk) => {
          bytes += chunk.length
        })
        socket.resume()
        await once(socket, 'close')
        // Only the content of the system's buffers still arrives.
        assert.ok(bytes < whole, `${bytes} bytes of ${whole}`)
      }
      await assertAtRest(own)
    })
  }, STALL))

test('a connection that sends half a head, or half a body, is closed', () =>
  withOwnServer(
    async (own) => {
      assert.match(await exchange('GET /health HTTP/1.1\r\nHost: loc', own), /^HTTP\/1.1 408/)
      const head = 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
      assert.match(await exchange(`${head}Content-Length: 100\r\n\r\n{"prompt"`, own), /^HTTP\/1.1 408|^$/)
      await until(async () => (await get(own.url, '/health').catch(() => undefined))?.body.status === 'ok')
    },
    { headMs: 300, requestMs: 1_200 },
  ))

test('if there are too many large bodies, the oldest is dropped with 503, and fast ones are answered', async () => {
  await withNano({ limits: { bodiesBytes: 2 ** 19, drainMs: 300 } }, served.model, async (own) => {
    const { hostname, port } = new URL(own.url)
    const half = () => {
      const socket = net.connect(Number(port), hostname).on('error', () => undefined)
      const head = 'POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
      socket.write(`${head}Content-Length: 400000\r\n\r\n{"prompt": "${'a'.repeat(300_000)}`)
      return socket.setEncoding('utf8')
    }
    const oldest = half()
    const said = once(oldest, 'data')
    const younger = half()
    const [text] = await said
    assert.match(text, /^HTTP\/1\.1 503/)
    assert.match(text, /retry-after: \d+\r\n/i)
    const { status } = await post(own.url, '/tokenize', { prompt: 'a '.repeat(100_000) })
    assert.is(status, 200)
    for (const socket of [oldest, younger]) socket.destroy()
  })
})

test('a request that is not HTTP, or too long, is refused', async () => {
  assert.match(await exchange('hello\r\n\r\n'), /^HTTP\/1.1 400/)
  assert.match(
    await exchange(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1.1 431/,
  )
  const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
  const head = 'POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  const answer = await exchange(
    `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk.repeat(80)}0\r\n\r\n`,
  )
  assert.match(answer, /^HTTP\/1.1 413/)
  assert.match(answer, /"type":"invalid_request_error"/)
})

test('a refused request says when to try again', async () => {
  const sockets = Array.from({ length: 4 }, () => send('/v1/completions', ENDLESS))
  await until(async () => (await health()).waiting === 2)
  const error = await thrownBy(served.client.completions.create({ model: 'nano', prompt: 'a' }))
  assert.instance(error, OpenAI.RateLimitError)
  const retryAfter = (error as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')
  assert.ok(Number(retryAfter) >= 1 && Number(retryAfter) <= 60)
  for (const socket of sockets) socket.destroy()
  await assertAtRest()
})

test('closing finishes running requests, and refuses new and waiting ones', () =>
  withOwnServer(
    async ({ client, url, server }) => {
      // Long enough for both to run when the third request comes.
      const ask = { ...ENDLESS, model: 'nano', max_tokens: 500, stream: true } as const
      const streams = await Promise.all([1, 2].map(() => client.completions.create(ask)))
      const reasons = streams.map(async (stream) => {
        let reason: string | null = null
        for await (const { choices } of stream) reason = choices[0]?.finish_reason ?? reason
        return reason
      })
      // With this many tokens to read, the older answers stay before it.
      const waiting = post(url, '/v1/completions', { ...ENDLESS, prompt: new Array(3_000).fill(5) })
      await until(async () => (await get(url, '/health')).body.waiting === 1)
      const closed = server.close()
      assert.is((await waiting).status, 503)
      assert.equal(await Promise.all(reasons), ['length', 'length'])
      await closed
      assert.ok(await thrownBy(get(url, '/health')), 'nobody listens any more')
      // Closing waits a second or two for the streams, and never for this bound: it allows for 500 tokens twice on a busy
      // machine. A stream that closing does not wait for ends with an error, not with its length.
    },
    { drainMs: 60_000 },
  ))

test('until the model has been loaded, every request gets 503', async () => {
  const server = await listen({ port: 0 })
  try {
    const { status, headers, body } = await post(server.url, '/v1/completions', ENDLESS)
    assert.is(status, 503)
    assert.is(body.error.code, 'loading')
    assert.ok(Number(headers.get('retry-after')) > 0)
    assert.equal((await get(server.url, '/health')).body, { status: 'loading' })
  } finally {
    await server.close()
  }
})

test('an address that the server cannot listen on is reported', async () => {
  const port = Number(new URL(served.url).port)
  await rejectsWithUserError(() => listen({ port }), /^port \d+ of 127\.0\.0\.1 is in use; choose another with `port`$/)
  await rejectsWithUserError(
    () => listen({ port: 0, host: '192.0.2.1' }),
    /^192\.0\.2\.1: not an address of this computer/,
  )
})

test.run()
