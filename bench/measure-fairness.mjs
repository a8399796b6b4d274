// Measures requests for one token and for /health while a greedy client floods `molm serve`. Then measures, once each,
// a prompt of 1,100 tokens and a short answer with a limit of 2,048 tokens. Each case has its own server of nano. Exits
// with 1 if a time exceeds its bound. Needs `npm run build`.
//
//   node bench/measure-fairness.mjs [--seconds 15] [--only CASE] [--threads 2] [--molm bin/molm.js]
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { ask, MOLM, sleep, startNano } from './nano-server.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    only: { type: 'string' },
    threads: { type: 'string', default: '2' },
    molm: MOLM,
  },
})
const SECONDS = Number(values.seconds)
/** Bounds in milliseconds: for one token, for /health, and for the two larger requests. */
const [MOST_TOKEN, MOST_HEALTH, MOST_LARGER] = [2_000, 250, 20_000]
/**
 * Cases that send enough data at once to make connecting slow. In these, 19 of 20 requests for a token and the
 * median of /health must keep the bounds; in the others, all requests must.
 */
const isFlood = (name) => name.startsWith('200 x')

const COMPLETIONS = '/v1/completions'
const LONG_TEXT = JSON.stringify({ prompt: 'The quick brown fox jumps. '.repeat(155_000) })
/** A single word of 4 MB, without blanks. */
const LONG_WORD = JSON.stringify({ prompt: 'ab'.repeat(2_050_000) })
const longPrompt = (i) => Array.from({ length: 30_000 }, (_, j) => 300 + ((i * 7 + j) % 3_000))
const repeated = (count, path, body) => Array.from({ length: count }, (_, i) => [path, body(i)])

const ONE_TOKEN = { prompt: 'a', max_tokens: 1, temperature: 0 }
const LARGER = {
  'a prompt of 1,100 tokens': { prompt: Array.from({ length: 1_100 }, (_, i) => 3_400 - i), max_tokens: 1 },
  'few of 2,048 tokens': { prompt: 'A dog', max_tokens: 2_048, temperature: 0, stop: [' ', '.'] },
}

const CASES = {
  'no other': [],
  '1 request of 128 answers of 32,000 tokens': [
    [COMPLETIONS, JSON.stringify({ prompt: 'a', n: 128, max_tokens: 32_000, ignore_eos: true, stream: true })],
  ],
  '12 requests of 30,000 tokens of answer': repeated(12, COMPLETIONS, () =>
    JSON.stringify({ prompt: 'a', max_tokens: 30_000, ignore_eos: true }),
  ),
  '95 requests of 1,000 tokens of answer': repeated(95, COMPLETIONS, () =>
    JSON.stringify({ prompt: 'a', max_tokens: 1_000, ignore_eos: true }),
  ),
  '8 prompts of 30,000 tokens': repeated(8, COMPLETIONS, (i) =>
    JSON.stringify({ prompt: longPrompt(i), max_tokens: 1 }),
  ),
  '100 prompts of 30,000 tokens': repeated(100, COMPLETIONS, (i) =>
    JSON.stringify({ prompt: longPrompt(i), max_tokens: 1 }),
  ),
  '200 x /tokenize of 4.2 MB': repeated(200, '/tokenize', () => LONG_TEXT),
  '200 x /tokenize of a word of 4.1 MB': repeated(200, '/tokenize', () => LONG_WORD),
  '200 x /v1/completions of 4.2 MB': repeated(200, COMPLETIONS, () => LONG_TEXT),
}

if (isMainThread) await measure()
else await askAll(workerData)

async function measure() {
  let isTooSlow = false
  for (const name of Object.keys(CASES)) {
    if (values.only && !name.includes(values.only)) continue
    const { token, health, larger, peak, statuses } = await beside(name)
    const [ofToken, ofHealth] = isFlood(name) ? [token.most, health.median] : [token.worst, health.worst]
    const isSlow = ofToken > MOST_TOKEN || ofHealth > MOST_HEALTH || larger.some(([, ms]) => ms > MOST_LARGER)
    isTooSlow ||= isSlow
    console.log(
      `${isSlow ? 'SLOW' : 'ok  '} ${name}: one token ${told(token)}; /health ${told(health)}; ` +
        `${larger.map(([what, ms]) => `${what} ${ms.toFixed(0)} ms; `).join('')}most memory ${peak} MB; others ${JSON.stringify(statuses)}`,
    )
  }
  process.exitCode = isTooSlow ? 1 : 0
}

/** Sends all requests of a case at once, on a separate thread, so that sending does not delay the timed requests. */
async function askAll({ name, url }) {
  await Promise.all(
    CASES[name].map(async ([path, body]) => {
      const { status } = await ask(url, 'POST', path, body).catch(({ code }) => ({ status: code }))
      parentPort.postMessage(status)
    }),
  )
}

/** Times of small requests while others are under way, for at most SECONDS. */
async function beside(name) {
  const server = await startNano(values)
  try {
    await completion(server.url, ONE_TOKEN)
    return await timesBeside(name, server.url)
  } finally {
    await server.end('SIGKILL')
  }
}

async function timesBeside(name, url) {
  const statuses = {}
  let left = CASES[name].length
  const others = new Worker(new URL(import.meta.url), {
    workerData: { name, url: url.href },
    argv: process.argv.slice(2),
  })
  others.on('message', (status) => {
    statuses[status] = (statuses[status] ?? 0) + 1
    left--
  })
  const times = { token: [], health: [] }
  await sleep(1_000)
  const end = performance.now() + SECONDS * 1000
  do {
    times.token.push(await completion(url, ONE_TOKEN))
    times.health.push(await timed(() => ask(url, 'GET', '/health')))
    await sleep(50)
  } while (performance.now() < end && (left > 0 || times.token.length < 20))
  const larger = []
  if (!isFlood(name)) {
    for (const [what, body] of Object.entries(LARGER)) larger.push([what, await completion(url, body)])
  }
  const metrics = await text(url, '/metrics')
  const peak = Math.round(Number(/^molm_process_resident_bytes (\S+)$/m.exec(metrics)[1]) / 1e6)
  await others.terminate()
  return { token: figures(times.token), health: figures(times.health), larger, peak, statuses }
}

/** Duration of a completion in milliseconds. If the queue is full, the request is sent again. */
function completion(url, body) {
  return timed(async () => {
    for (;;) {
      const { status } = await ask(url, 'POST', COMPLETIONS, JSON.stringify(body))
      if (status === 200) return
      if (status !== 429) throw new Error(`status ${status}`)
      await sleep(20)
    }
  })
}

async function timed(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function text(url, path) {
  return (await fetch(new URL(path, url))).text()
}

function figures(times) {
  const sorted = times.sort((a, b) => a - b)
  const at = (part) => sorted[Math.ceil(part * sorted.length) - 1]
  return { count: sorted.length, median: at(0.5), most: at(0.95), worst: at(1) }
}

function told({ count, median, most, worst }) {
  return `${median.toFixed(0)} ms (19 of 20 within ${most.toFixed(0)}, worst ${worst.toFixed(0)} of ${count})`
}
