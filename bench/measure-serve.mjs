// Measures the server with several parallel clients: tokens per second of all together, and the waiting times of each.
// Needs `npm run build`.
//
//   node bench/measure-serve.mjs [--model nano | --shape 350m-4b] [--threads 2] [--rounds 3] [--clients 1,4,8,16]
//                                  [--prompt 32] [--tokens 64]
//
// The server runs in a separate process, as `molm serve` does. Each client streams one completion of a different prompt
// of random tokens at temperature 1, so that neighbours choose different experts. Each round measures every number of
// clients. Prints a line for each and the medians, with the ratio to one client: for all tokens from the first request
// to the last answer, prompts included, and for the time while all clients receive tokens.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { parseArgs } from 'node:util'
import { seededRandom } from '../dist/engine/sampling/random.js'
import { loadModel } from '../dist/index.js'
import { loadRandomModel } from '../dist/lab/index.js'
import { listen } from '../dist/server/listen.js'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    shape: { type: 'string' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '1,4,8,16' },
    prompt: { type: 'string', default: '32' },
    tokens: { type: 'string', default: '64' },
  },
})
const [THREADS, ROUNDS, PROMPT, TOKENS] = [values.threads, values.rounds, values.prompt, values.tokens].map(Number)
const CLIENTS = values.clients.split(',').map(Number)

if (process.send) await serve()
else await measure()

/** Child process: a server with room for all clients. */
async function serve() {
  const server = await listen({ port: 0, limits: { parallel: Math.max(...CLIENTS) } })
  const options = { threads: THREADS, v8Flags: true }
  const model = values.shape ? await loadRandomModel(values.shape, options) : await loadModel(values.model, options)
  server.open(model)
  process.send({ url: server.url, tier: model.tier, vocabSize: model.config.vocabSize })
  await once(process, 'disconnect')
  await server.close()
  await model.dispose()
}

async function measure() {
  const child = fork(new URL(import.meta.url).pathname, process.argv.slice(2))
  const [{ url, tier, vocabSize }] = await once(child, 'message')
  const agent = new http.Agent({ keepAlive: true, maxSockets: Math.max(...CLIENTS) })
  const random = seededRandom(1)
  const prompt = () => Array.from({ length: PROMPT }, () => Math.floor(random.nextFloat() * Math.min(vocabSize, 4000)))
  const sitting = async (clients) => {
    const started = performance.now()
    const answers = await Promise.all(
      Array.from({ length: clients }, (_, i) => client(url, agent, { prompt: prompt(), seed: i })),
    )
    const seconds = (performance.now() - started) / 1000
    const gaps = answers.flatMap(({ gaps }) => gaps).sort((a, b) => a - b)
    return {
      clients,
      perSecond: (clients * TOKENS) / seconds,
      decodePerSecond: together(answers.map(({ times }) => times)),
      firstMs: middle(answers.map(({ firstMs }) => firstMs)),
      gapMs: middle(gaps),
      gap95Ms: gaps[Math.floor(gaps.length * 0.95)],
    }
  }
  for (const clients of CLIENTS) await sitting(clients)
  const figures = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const clients of CLIENTS) {
      const figure = await sitting(clients)
      figures.push(figure)
      console.log(JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toFixed(1)) : value)))
    }
  }
  child.disconnect()
  agent.destroy()
  const median = (key, clients) => middle(figures.filter((f) => f.clients === clients).map((f) => f[key]))
  const what = values.shape ?? values.model
  console.log(`${what}, ${tier}, Node ${process.versions.node}, ${THREADS} threads; medians of ${ROUNDS} rounds`)
  for (const clients of CLIENTS) {
    const rate = (key) => {
      const value = median(key, clients)
      return `${value.toFixed(1)} tokens/s (${(value / median(key, CLIENTS[0])).toFixed(2)} x)`
    }
    console.log(
      `${clients} clients: ${rate('perSecond')}, while all decode ${rate('decodePerSecond')}; first token after ` +
        `${median('firstMs', clients).toFixed(0)} ms, then ${median('gapMs', clients).toFixed(1)} ms each, 95 % within ` +
        `${median('gap95Ms', clients).toFixed(1)} ms`,
    )
  }
}

/** Requests one completion. Returns, in milliseconds, the time to the first token, the gaps, and the times of all tokens. */
async function client(url, agent, { prompt, seed }) {
  const body = { prompt, seed, max_tokens: TOKENS, temperature: 1, ignore_eos: true, stream: true, logprobs: 0 }
  const started = performance.now()
  const request = http.request(`${url}/v1/completions`, {
    agent,
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  })
  request.end(JSON.stringify(body))
  const [response] = await once(request, 'response')
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  const times = []
  let text = ''
  for await (const piece of response.setEncoding('utf8')) {
    text += piece
    const events = text.split('\n\n')
    text = events.pop()
    for (const event of events) {
      if (event.startsWith('data: {') && JSON.parse(event.slice(6)).choices[0]?.logprobs?.tokens.length > 0) {
        times.push(performance.now())
      }
    }
  }
  if (times.length !== TOKENS) throw new Error(`${times.length} tokens came in place of ${TOKENS}`)
  return { firstMs: times[0] - started, gaps: times.slice(1).map((at, i) => at - times[i]), times }
}

/** Tokens per second from the last client's first token to the first client's last token. */
function together(all) {
  const begin = Math.max(...all.map(([first]) => first))
  const end = Math.min(...all.map((times) => times.at(-1)))
  const tokens = all.flat().filter((at) => at > begin && at <= end).length
  return (1000 * tokens) / (end - begin)
}

function middle(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]
}
