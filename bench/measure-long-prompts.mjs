// Measures prefill and decode of a ModuleFormer at several depths, and the keys that its stick-breaking attention
// visits: with random weights whose sticks end after some 30 keys, and with those whose sticks last for all keys.
// Prints each round and a table; rounds of both alternate.
//
//   node bench/measure-long-prompts.mjs [--shape 350m-4b] [--threads 2] [--rounds 3] [--depths 0,2048,4096]
//                                       [--prompt 512] [--generate 32] [--sticks short,long]
//                                       [--cache-types bf16,q8]
//
// --cache-types: caches to measure; by default molm's own choice. A session for each depth is filled once and cut back
// after each test.
import { parseArgs } from 'node:util'
import { UNFILTERED } from '../dist/api/generation-options.js'
import { resultOf } from '../dist/index.js'
import { loadRandomModel } from '../dist/lab/index.js'

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: '350m-4b' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    depths: { type: 'string', default: '0,2048,4096' },
    prompt: { type: 'string', default: '512' },
    generate: { type: 'string', default: '32' },
    sticks: { type: 'string', default: 'short,long' },
    'cache-types': { type: 'string' },
  },
})
const [threads, rounds, prompt, generate] = ['threads', 'rounds', 'prompt', 'generate'].map((n) => Number(values[n]))
const depths = values.depths.split(',').map(Number)
const cacheTypes = values['cache-types']?.split(',') ?? [undefined]
const ids = Int32Array.from({ length: Math.max(...depths) + prompt }, (_, i) => 256 + ((i * 3779) % 30000))
/** Fixed, so that the text neither ends nor repeats itself. */
const SAMPLED = { ...UNFILTERED, topK: 40, seed: 0, ignoreEos: true }

const models = []
for (const cacheType of cacheTypes) {
  for (const sticks of values.sticks.split(',')) {
    const name = `${sticks} sticks${cacheType ? `, ${cacheType}` : ''}`
    models.push(await open(name, { threads, hasLongSticks: sticks === 'long', ...(cacheType ? { cacheType } : {}) }))
  }
}
for (let round = 0; round < rounds; round++) {
  for (const { name, sessions, rows } of models) {
    for (const [i, depth] of depths.entries()) {
      const row = rows[i]
      row.prefill.push(await prefill(sessions[i], depth))
      row.decode.push(await decode(sessions[i], depth))
      console.log(
        `round ${round + 1}, ${name}, depth ${depth}: prefill ${row.prefill.at(-1).toFixed(0)}, decode ${row.decode.at(-1).toFixed(1)}`,
      )
    }
  }
}
console.log(`\n${values.shape}, ${threads} threads, ${models[0].model.tier}, Node ${process.versions.node}; medians\n`)
line(['', 'depth', 'keys visited', `prefill of ${prompt}, tokens/s`, 'of depth 0', 'decode, tokens/s', 'of depth 0'])
line(new Array(7).fill('---'))
for (const { name, rows, model } of models) {
  for (const [i, depth] of depths.entries()) {
    const shares = ['prefill', 'decode'].map((test) =>
      i > 0 && depths[0] === 0
        ? median(rows[i][test].map((speed, round) => speed / rows[0][test][round])).toFixed(2)
        : '',
    )
    const [pp, tg] = [median(rows[i].prefill), median(rows[i].decode)]
    line([name, depth, rows[i].keys.toFixed(0), pp.toFixed(0), shares[0], tg.toFixed(1), shares[1]])
  }
  await model.dispose()
}

/** Loads a model, fills a session for each depth, and counts the keys that a prompt visits there. */
async function open(name, options) {
  const model = await loadRandomModel(values.shape, options)
  const sessions = []
  const rows = []
  for (const depth of depths) {
    const session = model.createSession()
    if (depth > 0) await session.forward(ids.slice(0, depth), { logits: 'none' })
    const before = await visits(model)
    await prefill(session, depth)
    const after = await visits(model)
    rows.push({ prefill: [], decode: [], keys: (after.sum - before.sum) / (after.tokens - before.tokens) })
    sessions.push(session)
  }
  return { name, model, sessions, rows }
}

/** Tokens so far, and the sum of their mean numbers of visited keys. */
async function visits(model) {
  const { meanAttentionDepth = 0, tokensProcessed } = await model.stats()
  return { tokens: tokensProcessed, sum: meanAttentionDepth * tokensProcessed }
}

async function prefill(session, depth) {
  const started = performance.now()
  await session.forward(ids.slice(depth, depth + prompt), { logits: 'last' })
  const ms = performance.now() - started
  session.truncate(depth)
  return (prompt / ms) * 1000
}

async function decode(session, depth) {
  const options = { ...SAMPLED, maxTokens: generate + 1 }
  const { decodeMs } = await resultOf(session.generate(Int32Array.of(ids[40]), options))
  session.truncate(depth)
  return (generate / decodeMs) * 1000
}

function line(cells) {
  console.log(`| ${cells.join(' | ')} |`)
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
