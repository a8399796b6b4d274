// Measures questions about a long document through a server, with a random model of a published shape: the first, which
// reads the document, and the second turn of the chat, which finds it in memory. Needs `npm run build`.
//
//   node bench/measure-second-question.mjs granite-4.0-h-tiny [--layers N] [--document 20000] [--question 32]
//                                          [--tokens 16] [--rounds 1] [--threads 2]
//
// Tokens are random. Each round asks twice: the document and a question; then the same, its answer and another question.
// Prints the seconds to the first token, and the tokens that were in memory. --layers leaves out the last layers.
import { once } from 'node:events'
import http from 'node:http'
import { parseArgs } from 'node:util'
import { seededRandom } from '../dist/engine/sampling/random.js'
import { modelFiles } from '../dist/library/files/model-files.js'
import { startHere } from '../dist/library/load-model.js'
import { parseConfig, publishedFormats } from '../dist/model/families/index.js'
import { publishedShape } from '../dist/model/families/published-shapes.js'
import { listen } from '../dist/server/listen.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string' },
    document: { type: 'string', default: '20000' },
    question: { type: 'string', default: '32' },
    tokens: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
  },
})
const [shape] = positionals
if (!shape) throw new Error('usage: node bench/measure-second-question.mjs SHAPE')
const [document, question, tokens, rounds, threads] = ['document', 'question', 'tokens', 'rounds', 'threads'].map(
  (name) => Number(values[name]),
)

const whole = publishedShape(shape)
const layers = Number(values.layers ?? whole.layers)
const { layer_types: types } = whole.raw
const config = parseConfig(
  { ...whole.raw, num_hidden_layers: layers, ...(types && { layer_types: types.slice(0, layers) }) },
  shape,
)
const place = { name: shape, folder: '', path: '', kind: 'random', hasLongSticks: false }
const files = modelFiles({ ...place, quant: 'q4', formats: publishedFormats(config, 'q4'), config })
const model = await startHere(files, { threads, v8Flags: true })
const server = await listen({ port: 0 })
server.open(model)
console.log(`${shape} in q4, ${layers} of ${whole.layers} layers, ${threads} threads, Node ${process.version}`)

const random = seededRandom(1)
const text = (length) => Array.from({ length }, () => Math.floor(random.nextFloat() * Math.min(config.vocabSize, 4000)))
for (let round = 0; round < rounds; round++) {
  const asked = [...text(document), ...text(question)]
  const { ids } = report('first', await answer(asked))
  report('second', await answer([...asked, ...ids, ...text(question)]))
}
await server.close()
await model.dispose()

function report(name, result) {
  const { seconds, usage } = result
  const { prompt_tokens: all, prompt_tokens_details: details } = usage
  const cached = `${details?.cached_tokens ?? 0} of ${all} tokens in memory`
  console.log(`${name.padEnd(6)} first token after ${seconds.toFixed(2)} s, ${cached}`)
  return result
}

/** Streams a completion. Resolves with the seconds to its first token, its ids and its usage. */
async function answer(prompt) {
  const body = { prompt, max_tokens: tokens, temperature: 1, seed: 1, ignore_eos: true, prompt_lookup_num_tokens: 0 }
  const started = performance.now()
  const request = http.request(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  })
  const more = { stream: true, stream_options: { include_usage: true }, routed_experts: 'answer' }
  request.end(JSON.stringify({ ...body, ...more }))
  const [response] = await once(request, 'response')
  let [rest, seconds, usage] = ['', undefined, undefined]
  const ids = []
  for await (const piece of response.setEncoding('utf8')) {
    rest += piece
    const events = rest.split('\n\n')
    rest = events.pop()
    for (const event of events.filter((one) => one.startsWith('data: {'))) {
      const { choices = [], usage: given, error } = JSON.parse(event.slice(6))
      if (error) throw new Error(error.message)
      const routed = choices[0]?.routed_experts ?? []
      if (routed.length > 0) seconds ??= (performance.now() - started) / 1000
      ids.push(...routed.map(({ token }) => token))
      usage = given ?? usage
    }
  }
  if (ids.length !== tokens) throw new Error(`status ${response.statusCode}: ${ids.length} tokens came, not ${tokens}`)
  return { seconds, ids, usage }
}
