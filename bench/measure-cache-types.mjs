// Prints the table of docs/EVALUATION.md: the divergence (KL) that q8 caches cause, next to that of bf16 caches and of q4
// weights. Each number is a mean over the TOKENS tokens after a depth: from f32 weights with an f32 cache and, last, from
// q4 weights with a bf16 cache. nano reads a text; the others read random tokens. Run it after `npm run build`.
//   node bench/measure-cache-types.mjs [DEPTHS] [MODELS]
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../dist/index.js'
import { loadRandomModel } from '../dist/lab/index.js'

const [depths = '2048,8192', names = 'nano,22-granitemoe-bf16-sharded,350m-4b'] = process.argv.slice(2)
const TOKENS = 128
const TEXTS = ['dialogue', 'novels', 'speeches', 'dictionary', 'code']

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const dir = await mkdtemp(join(tmpdir(), 'molm-cache-types-'))

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
row(
  'model',
  'depth',
  'f32 weights, bf16',
  'f32 weights, q8',
  'q4 weights, bf16',
  'q4 weights, q8',
  'q8 from bf16, q4 weights',
)
row(...Array(7).fill('---'))
try {
  for (const name of names.split(',')) await measure(name)
} finally {
  await rm(dir, { recursive: true })
}

async function measure(name) {
  const load = await loaderOf(name)
  // A published shape is too large for f32 weights.
  const isShape = !name.startsWith('nano') && !/^\d\d+-/.test(name)
  const exact = isShape ? undefined : await logitsOf(load, { quant: 'f32' })
  const kl = {}
  for (const quant of isShape ? ['q4'] : ['f32', 'q4']) {
    for (const cacheType of ['bf16', 'q8']) kl[`${quant} ${cacheType}`] = await logitsOf(load, { quant, cacheType })
  }
  for (const [i, depth] of depths.split(',').entries()) {
    const from = (reference, found) => (reference && found ? divergence(reference[i], found[i]).toExponential(1) : '')
    const all = ['f32 bf16', 'f32 q8', 'q4 bf16', 'q4 q8'].map((key) => from(exact, kl[key]))
    row(name, depth, ...all, from(kl['q4 bf16'], kl['q4 q8']))
  }
}

/** A function that loads a model: nano, a fixture with more positions, or random weights of a published shape. */
async function loaderOf(name) {
  if (name === 'nano') return (options) => loadModel('nano', options)
  if (!/^\d\d+-/.test(name)) return (options) => loadRandomModel(name, options)
  const folder = join(dir, name)
  await cp(path(`test/fixtures/${name}`), folder, { recursive: true })
  const file = join(folder, 'config.json')
  const config = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...config, max_position_embeddings: 2 ** 15 }))
  return (options) => loadModel(folder, options)
}

/** Logits of the TOKENS tokens after each depth. */
async function logitsOf(load, options) {
  const model = await load(options)
  const found = []
  const all = depths.split(',').map(Number)
  const tokens = await tokensFor(model, Math.max(...all) + TOKENS)
  for (const depth of all) {
    const session = model.createSession()
    await session.forward(tokens.slice(0, depth), { logits: 'none' })
    const { logits } = await session.forward(tokens.slice(depth, depth + TOKENS), { logits: 'all' })
    found.push({ logits, size: logits.length / TOKENS })
    session.dispose()
  }
  await model.dispose()
  return found
}

async function tokensFor(model, count) {
  if (model.name === 'nano') {
    const texts = await Promise.all(TEXTS.map((name) => readFile(path(`test/fixtures/texts/${name}.txt`), 'utf8')))
    const tokens = model.tokenizer.encode(texts.join('\n'))
    while (tokens.length < count) tokens.push(...tokens.slice(0, count - tokens.length))
    return tokens
  }
  let state = 1
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % model.config.vocabSize
  })
}

/** Mean of KL(reference || found) over rows, in nats. */
function divergence({ logits: a, size }, { logits: b }) {
  let sum = 0
  for (let first = 0; first < a.length; first += size) {
    const [p, q] = [a, b].map((logits) => logSoftmax(logits.subarray(first, first + size)))
    for (let i = 0; i < size; i++) sum += Math.exp(p[i]) * (p[i] - q[i])
  }
  return sum / (a.length / size)
}

function logSoftmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b))
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0))
  return Float64Array.from(logits, (x) => x - most - total)
}
