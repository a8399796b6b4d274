// Measures several questions about one document: each reads all of it, or they share it. Needs `npm run build`.
//
//   node bench/measure-shared.mjs [MODEL | --shape granite-1b] [--document 3000] [--questions 8] [--question 24]
//                                 [--tokens 32] [--rounds 3] [--threads 2] [--skip apart]
//
// Tokens are random, and answers have temperature 1. By turns in each round:
//   apart    each question in a session of its own, all at once
//   copied   the document is read once; each session restores a copy of it
//   shared   the document is read once; each session is a fork
// Prints medians: seconds to the first token of the first and the last answer, from the beginning; tokens per second of
// all answers together while all of them run; and the bytes of all caches.
import { parseArgs } from 'node:util'
import { seededRandom } from '../dist/engine/sampling/random.js'
import { loadModel } from '../dist/index.js'
import { loadRandomModel } from '../dist/lab/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string' },
    document: { type: 'string', default: '3000' },
    questions: { type: 'string', default: '8' },
    question: { type: 'string', default: '24' },
    tokens: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    skip: { type: 'string', default: '' },
  },
})
const [DOCUMENT, QUESTIONS, QUESTION, TOKENS, ROUNDS, threads] = [
  'document',
  'questions',
  'question',
  'tokens',
  'rounds',
  'threads',
].map((name) => Number(values[name]))
const options = { threads, v8Flags: true }
const model = values.shape
  ? await loadRandomModel(values.shape, options)
  : await loadModel(positionals[0] ?? 'nano', options)
const random = seededRandom(1)
const most = Math.min(model.config.vocabSize, 4000)
const tokens = (count) => Array.from({ length: count }, () => Math.floor(random.nextFloat() * most))
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/** Begins the sessions. Resolves with them and with the tokens that each has to read before its question. */
const WAYS = {
  async apart(document) {
    return Array.from({ length: QUESTIONS }, () => ({ session: model.createSession(), rest: document }))
  },
  async copied(document) {
    const first = model.createSession()
    await first.forward(document, { logits: 'none' })
    const snapshot = await first.exportCache()
    const sessions = []
    for (let i = 0; i < QUESTIONS; i++) {
      const session = model.createSession()
      await session.importCache(snapshot)
      sessions.push({ session, rest: [] })
    }
    first.dispose()
    return sessions
  },
  async shared(document) {
    const first = model.createSession()
    await first.forward(document, { logits: 'none' })
    const forks = await Promise.all(Array.from({ length: QUESTIONS }, () => first.fork()))
    first.dispose()
    return forks.map((session) => ({ session, rest: [] }))
  },
}

async function measure(way) {
  const document = tokens(DOCUMENT)
  const questions = Array.from({ length: QUESTIONS }, () => tokens(QUESTION))
  const started = performance.now()
  const sessions = await WAYS[way](document)
  const times = await Promise.all(
    sessions.map(async ({ session, rest }, i) => {
      const at = []
      const settings = { maxTokens: TOKENS, temperature: 1, seed: i, ignoreEos: true, stop: [] }
      for await (const _ of session.generate([...rest, ...questions[i]], settings)) at.push(performance.now() - started)
      return at
    }),
  )
  const { cacheBytes } = await model.stats()
  for (const { session } of sessions) session.dispose()
  const [from, to] = [Math.max(...times.map((at) => at[0])), Math.min(...times.map((at) => at[at.length - 1]))]
  const within = times.flat().filter((at) => at > from && at <= to).length
  return {
    first: Math.min(...times.map((at) => at[0])) / 1000,
    last: from / 1000,
    perSecond: (within * 1000) / (to - from),
    cacheBytes,
  }
}

console.log(
  `${values.shape ?? model.name} ${model.info.quant}, ${threads} threads, Node ${process.version}, kernels ${model.tier}`,
)
console.log(`${QUESTIONS} questions of ${QUESTION} tokens about a document of ${DOCUMENT}, ${TOKENS} tokens each`)
const ways = Object.keys(WAYS).filter((way) => !values.skip.split(',').includes(way))
const found = Object.fromEntries(ways.map((way) => [way, []]))
for (let round = 0; round < ROUNDS; round++) for (const way of ways) found[way].push(await measure(way))
for (const way of ways) {
  const of = (field) => median(found[way].map((one) => one[field]))
  const [first, last, perSecond, bytes] = ['first', 'last', 'perSecond', 'cacheBytes'].map(of)
  console.log(
    `${way.padEnd(7)} first token ${first.toFixed(2)} s, the last one's ${last.toFixed(2)} s, ` +
      `${perSecond.toFixed(0)} tokens/s together, caches of ${(bytes / 1e6).toFixed(0)} MB`,
  )
}
await model.dispose()
