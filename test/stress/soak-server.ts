// Uses one `molm serve` for long: thousands of requests of many kinds at once, many of them from clients that misbehave.
// Fails unless each answer equals the answer to the request alone, and if the process grows (memory-growth.ts). Needs
// `npm run build` and the compiled tests (npx tsc -p test/tsconfig.json).
//
//   node build/test/stress/soak-server.js [--requests 10000] [--clients 12] [--seed 1] [--every 1000]
//                                    [--molm bin/molm.js | --url http://127.0.0.1:8080]
//
// With --url it uses a server of nano that runs already, which is left running; so a long soak can be done in parts.
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { repositoryPath } from '../support/fixtures.js'
import { MemoryGrowth } from './memory-growth.js'

/** The measurements of bench/ start the same server. */
interface NanoServers {
  /** The option that names another bin/molm.js. */
  MOLM: { type: 'string'; default: string }
  startNano(options: { molm: string; threads: string; onError: (text: string) => void }): Promise<{
    url: URL
    /** Resolves with the exit code. */
    end(signal: NodeJS.Signals): Promise<number | null>
  }>
}

const { MOLM, startNano }: NanoServers = await import(repositoryPath('bench/nano-server.mjs'))

/** A request whose answer is known. */
interface Ask {
  path: string
  body: Record<string, unknown>
}

/** Sends one request of a kind; `wanted` are the choices of its answer. Rejects if anything is wrong. */
type Run = (ask: Ask, wanted: string) => Promise<void>

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    every: { type: 'string', default: '1000' },
    url: { type: 'string' },
    molm: MOLM,
  },
})
const [REQUESTS, CLIENTS, SEED, EVERY] = [values.requests, values.clients, values.seed, values.every].map(Number)
const random = seededRandom(SEED)
const below = (n: number) => Math.floor(random.nextFloat() * n)
/** Faults found. */
const failures: string[] = []
// An error that the server did not foresee is one, whatever its client got.
const onError = (text: string) => failures.push(`the server said: ${text.slice(0, 500)}`)
const server = values.url ? undefined : await startNano({ molm: values.molm, threads: '2', onError })
const url = new URL(values.url ?? server?.url ?? '')
const { hostname, port } = url

/** Bodies that must be refused. */
const BAD = [
  ...['', '{', 'null', '[1]', '"'],
  ...['{"prompt": 3}', '{"prompt": "a", "x": 1}', '{"prompt": [99999]}', '{"messages": []}'],
]
/** Requests that were sent, by kind. */
const counts: Record<string, number> = {}
const ASKS = makeAsks()
const expected: string[] = []
for (const ask of ASKS) expected.push(await alone(ask))

const KINDS: [share: number, name: string, run: Run][] = [
  [40, 'whole', whole],
  [20, 'stream', stream],
  [10, 'aborted stream', abortedStream],
  [8, 'killed client', killed],
  [6, 'slow reader', slowReader],
  [1, 'reader that stops', noReader],
  [10, 'bad body', badBody],
  [3, 'half a request', halfRequest],
  [2, 'model, health, metrics', others],
]
const KIND_LIST = KINDS.flatMap(([share, name, run]) =>
  new Array<{ name: string; run: Run }>(share).fill({ name, run }),
)

const started = performance.now()
const growth = new MemoryGrowth('the process', REQUESTS)
let sent = 0
await told(0)
await Promise.all(Array.from({ length: CLIENTS }, client))
await untilIdle()
await told(sent)
const seconds = (performance.now() - started) / 1000
const kinds = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`)
console.log(`${sent} requests in ${seconds.toFixed(0)} s: ${kinds.join(', ')}`)
if (server) {
  const code = await server.end('SIGTERM')
  if (code !== 0) failures.push(`exit code ${code} after SIGTERM`)
}
console.log(growth.summary)
if (growth.isTooMuch) failures.push('memory grew')
for (const failure of failures.slice(0, 20)) console.log(failure)
console.log(`failures: ${failures.length}`)
process.exitCode = failures.length > 0 ? 1 : 0

async function client(): Promise<void> {
  while (sent < REQUESTS) {
    const number = ++sent
    const { name, run } = KIND_LIST[below(KIND_LIST.length)]
    counts[name] = (counts[name] ?? 0) + 1
    const at = below(ASKS.length)
    await run(ASKS[at], expected[at]).catch((error: Error) =>
      failures.push(`request ${number}, ${name}: ${error.message}`),
    )
    if (growth.wants(number)) growth.add(number, (await metrics())('process_resident_bytes'))
    if (number % EVERY === 0) await told(number)
  }
}

/** Requests whose answers are known: texts, chats, scored prompts, several prompts, seeds, experts. */
function makeAsks(): Ask[] {
  const words = 'lantern river house door lamp king ship garden winter letter'.split(' ')
  return Array.from({ length: 40 }, (_, i) => {
    const text = `${'The old story was told again. '.repeat(i % 4)}The ${words[i % 10]} of the ${words[(i * 7) % 10]}`
    const common = { max_tokens: 4 + (i % 5) * 8, temperature: i % 2 ? 1.2 : 0, seed: i, logprobs: undefined }
    if (i % 4 === 0) {
      const messages = [{ role: 'user', content: `What is a ${words[i % 10]}?` }]
      return { path: '/v1/chat/completions', body: { messages, ...common, logprobs: true, top_logprobs: 2 } }
    }
    if (i % 4 === 1) return { path: '/v1/completions', body: { prompt: text, ...common, echo: true, logprobs: 3 } }
    if (i % 4 === 2) return { path: '/v1/completions', body: { prompt: [text, words[i % 10]], n: 2, ...common } }
    return { path: '/v1/completions', body: { prompt: text, ...common, ignore_eos: true, routed_experts: i % 8 === 3 } }
  })
}

async function fetchJson(path: string, body: object): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`)
  return text
}

/** The choices of an answer, which has no ids and times. */
async function alone({ path, body }: Ask): Promise<string> {
  return JSON.stringify(JSON.parse(await fetchJson(path, body)).choices)
}

function check(got: string, wanted: string): void {
  if (got !== wanted) throw new Error(`another answer: ${got.slice(0, 300)}`)
}

async function whole(ask: Ask, wanted: string): Promise<void> {
  check(await alone(ask), wanted)
}

/** Texts of the choices of a stream; throws if it is incomplete. */
function textsOf(events: string): string {
  if (!events.endsWith('data: [DONE]\n\n')) throw new Error(`a stream that is not whole: ${events.slice(-200)}`)
  const texts: string[] = []
  for (const line of events.split('\n')) {
    if (!line.startsWith('data: {')) continue
    for (const { index, text, delta } of JSON.parse(line.slice(6)).choices) {
      texts[index] = (texts[index] ?? '') + (text ?? delta.content ?? '')
    }
  }
  return JSON.stringify(texts)
}

function wantedTexts(wanted: string): string {
  const choices: { text?: string; message: { content: string } }[] = JSON.parse(wanted)
  return JSON.stringify(choices.map(({ text, message }) => text ?? message.content))
}

async function stream({ path, body }: Ask, wanted: string): Promise<void> {
  check(textsOf(await fetchJson(path, { ...body, stream: true })), wantedTexts(wanted))
}

async function abortedStream({ path, body }: Ask): Promise<void> {
  const controller = new AbortController()
  const headers = { 'Content-Type': 'application/json' }
  const text = JSON.stringify({ ...body, max_tokens: 2_000, ignore_eos: true, stream: true })
  const response = await fetch(new URL(path, url), { method: 'POST', headers, body: text, signal: controller.signal })
  let left = below(6)
  try {
    for await (const _ of response.body ?? []) if (left-- === 0) controller.abort()
  } catch (error) {
    if (!controller.signal.aborted) throw error
  }
}

/** A connection on which a request has been sent. */
function send(path: string, body: object): net.Socket {
  const text = JSON.stringify(body)
  const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nConnection: close\r\n`
  return write(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
}

function write(text: string): net.Socket {
  const socket = net.connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.write(text)
  return socket
}

async function killed({ path, body }: Ask): Promise<void> {
  const socket = send(path, { ...body, max_tokens: 2_000, ignore_eos: true, stream: below(2) === 0 })
  await sleep(below(60))
  if (below(2) === 0) socket.resetAndDestroy()
  else socket.destroy()
}

async function slowReader({ path, body }: Ask, wanted: string): Promise<void> {
  const socket = send(path, { ...body, stream: true })
  let answer = ''
  socket.setEncoding('utf8').on('data', (piece: string) => {
    answer += piece
    socket.pause()
    setTimeout(() => socket.resume(), below(20))
  })
  await once(socket, 'close')
  const events = unchunked(answer.slice(answer.indexOf('\r\n\r\n') + 4))
  check(textsOf(events), wantedTexts(wanted))
}

/** Texts of nano are in letters of one byte, so that lengths in bytes are lengths in characters. */
function unchunked(body: string): string {
  let text = ''
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.slice(at, end), 16)
    text += body.slice(end + 2, end + 2 + length)
    at = end + 4 + length
  }
  return text
}

/** Takes nothing for a while, of a stream that does not end, and goes. */
async function noReader({ path, body }: Ask): Promise<void> {
  const endless = { max_tokens: 20_000, ignore_eos: true, stream: true, routed_experts: true }
  const socket = send(path, { ...body, ...endless }).pause()
  await sleep(500 + below(2_000))
  socket.destroy()
}

async function badBody(): Promise<void> {
  const headers = { 'Content-Type': below(5) === 0 ? 'text/plain' : 'application/json' }
  const body = below(10) === 0 ? `{"prompt": "${'a'.repeat(5_000_000)}"}` : BAD[below(BAD.length)]
  const path = below(2) === 0 ? '/v1/completions' : '/v1/chat/completions'
  const response = await fetch(new URL(path, url), { method: 'POST', headers, body })
  const answer = (await response.json()) as { error?: { message?: unknown } }
  if (![400, 413, 415].includes(response.status) || typeof answer.error?.message !== 'string') {
    throw new Error(`status ${response.status} for ${body.slice(0, 50)}`)
  }
}

async function halfRequest(): Promise<void> {
  const socket = write(
    'POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"pro',
  )
  await sleep(below(50))
  socket.destroy()
}

async function others(): Promise<void> {
  for (const path of ['/health', '/v1/models', '/metrics', '/tokenizer_info']) {
    const response = await fetch(new URL(path, url))
    await response.text()
    if (response.status !== 200) throw new Error(`${path}: status ${response.status}`)
  }
}

async function metrics(): Promise<(name: string) => number> {
  const text = await (await fetch(new URL('/metrics', url))).text()
  return (name) => Number(new RegExp(`^molm_${name} (\\S+)$`, 'm').exec(text)?.[1])
}

async function untilIdle(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const of = await metrics()
    if (of('sequences_running') === 0 && of('requests_waiting') === 0) return
    await sleep(50)
  }
  failures.push('something still runs five seconds after the last request')
}

async function told(number: number): Promise<void> {
  const of = await metrics()
  const mb = (name: string) => `${(of(name) / 1e6).toFixed(1)} MB`
  const kept = `${of('kept_sequences')} sequences of ${of('kept_tokens')} tokens kept`
  console.log(`${number} requests: process ${mb('process_resident_bytes')}, caches ${mb('cache_bytes')}, ${kept}`)
}
