/*
 * Decode speed of a text that a grammar limits, next to a free text of as many tokens, by turns. No constraint lets a text
 * end before it has all its tokens.
 *
 *   node bench/measure-guided.mjs MODEL [--tokens 96] [--rounds 9] [--threads 2]
 *
 * Prints the time to the first token of the first text and of later ones, the median of the speeds, the median of the
 * pairs' ratios, and the share of forced tokens.
 */
import { parseArgs } from 'node:util'
import { eventsOf, loadModel } from '../dist/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '96' },
    rounds: { type: 'string', default: '9' },
    threads: { type: 'string', default: '2' },
  },
})
const maxTokens = Number(values.tokens)
const item = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 8, maxLength: 40 },
    kind: { enum: ['lantern', 'harbour', 'lighthouse'] },
    year: { type: 'integer', minimum: 1000, maximum: 2100 },
    tags: { type: 'array', items: { type: 'string', maxLength: 12 }, minItems: 1, maxItems: 5 },
  },
  required: ['name', 'kind', 'year', 'tags'],
  additionalProperties: false,
}
const CONSTRAINTS = {
  'schema: records': { schema: { type: 'array', items: item, minItems: 400 } },
  'schema: one long text': { schema: { type: 'string', minLength: 2000 } },
  'regex: words': { regex: '([a-z]{1,12} ){1000,}' },
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const model = await loadModel(positionals[0] ?? 'nano', { threads: Number(values.threads) })

async function speedOf(constraint, seed) {
  const session = model.createSession()
  const asked = performance.now()
  let firstMs = 0
  let forced = 0
  const options = { maxTokens, seed, temperature: 0.8, ignoreEos: true, stop: [], ...constraint }
  try {
    for await (const { step, result } of eventsOf(session.generate('A list:', options))) {
      if (step?.index === 0) firstMs = performance.now() - asked
      if (step?.forced) forced++
      if (result && result.tokens.length < maxTokens)
        throw new Error(`the text ended after ${result.tokens.length} tokens`)
      if (result) return { speed: (1000 * (result.tokens.length - 1)) / result.decodeMs, firstMs, forced }
    }
  } finally {
    session.dispose()
  }
}

console.log(`${model.name}, ${model.info.quant}, ${model.threads} threads, ${model.tier}, Node ${process.version}`)
await speedOf({}, 1)
for (const [name, constraint] of Object.entries(CONSTRAINTS)) {
  const { firstMs: coldMs } = await speedOf(constraint, 1)
  const rounds = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const free = await speedOf({}, round)
    const limited = await speedOf(constraint, round)
    rounds.push({ free, limited, ratio: limited.speed / free.speed })
  }
  const of = (which) => median(rounds.map((round) => round[which].speed)).toFixed(1)
  const first = median(rounds.map(({ limited }) => limited.firstMs))
  const freeFirst = median(rounds.map(({ free }) => free.firstMs))
  const forced = rounds.reduce((sum, { limited }) => sum + limited.forced, 0) / (rounds.length * maxTokens)
  console.log(
    `${name}: ${of('limited')} tokens/s, free ${of('free')}, ratio ${median(rounds.map(({ ratio }) => ratio)).toFixed(3)}; ` +
      `first token ${coldMs.toFixed(0)} ms, then ${first.toFixed(0)} (free ${freeFirst.toFixed(0)}); ` +
      `${(100 * forced).toFixed(1)} % forced`,
  )
}
await model.dispose()
