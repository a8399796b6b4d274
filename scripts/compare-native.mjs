// Decode and prefill of molm beside llama.cpp's native engine, alternately in one sitting.
//
//   node scripts/compare-native.mjs MODEL.gguf [--shape 350m-4b] [--threads 2] [--rounds 5] [--depth 0]
//
// MODEL.gguf: random weights of the same shape (scripts/make-gguf.mjs) in Q4_0. llama.cpp has no ModuleFormer: for
// 350m-4b give a mixture of about the same active weights, and compare GB/s by --active-bytes.
// --depth: tokens in the cache before decode is measured.
// node-llama-cpp is no dependency of this project: install it elsewhere and name that folder in NODE_LLAMA_CPP
// (the folder that holds its node_modules). Prints one line a round and the medians.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { benchmark, loadRandomModel } from '../dist/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string', default: '350m-4b' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    depth: { type: 'string', default: '0' },
    'active-bytes': { type: 'string' },
  },
})
const [gguf] = positionals
const folder = process.env.NODE_LLAMA_CPP
if (!gguf || !folder) throw new Error('usage: NODE_LLAMA_CPP=FOLDER node scripts/compare-native.mjs MODEL.gguf')
const [threads, depth] = [Number(values.threads), Number(values.depth)]

const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error })
const native = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, ignoreMemorySafetyChecks: true })
const context = await native.createContext({
  contextSize: 1024 + depth,
  batchSize: 512,
  threads,
  ignoreMemorySafetyChecks: true,
})
const sequence = context.getSequence()

const molm = await loadRandomModel(values.shape, { threads, v8Flags: true })
const active = Number(values['active-bytes'] ?? molm.info.activeBytes)
const rounds = []
await nativeRound()
for (let round = 0; round < Number(values.rounds); round++) {
  rounds.push({ ...(await molmRound()), ...(await nativeRound()) })
  console.log(
    JSON.stringify(rounds.at(-1), (_, value) => (typeof value === 'number' ? Number(value.toFixed(2)) : value)),
  )
}
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const median = (key) => middle(rounds.map((round) => round[key]))
const ratio = (a, b) => middle(rounds.map((round) => round[a] / round[b])).toFixed(2)
const at = depth > 0 ? ` at depth ${depth}` : ''
console.log(
  `${values.shape}, molm ${molm.tier}, Node ${process.versions.node}: tg64${at} ${median('tg').toFixed(1)} tokens/s, ` +
    `${median('gb').toFixed(1)} GB/s of ${median('stream').toFixed(1)} streamed; pp512 ${median('pp').toFixed(0)}`,
)
console.log(
  `llama.cpp native, median step: ${median('nativeTg').toFixed(1)} tokens/s, ` +
    `${median('nativeGb').toFixed(1)} GB/s; pp512 ${median('nativePp').toFixed(0)}`,
)
console.log(
  `ratios round by round, medians: tokens/s ${ratio('tg', 'nativeTg')}, GB/s ${ratio('gb', 'nativeGb')}, pp512 ${ratio('pp', 'nativePp')}`,
)
await molm.dispose()
process.exitCode = 0
await llama.dispose()

async function molmRound() {
  const prefill = await rowsOf({ prompts: [512], generate: 0, depths: [0], repetitions: 1 })
  const decode = await rowsOf({ prompts: [], generate: 64, depths: [depth], repetitions: 1 })
  return {
    pp: prefill[0].tokens_per_second.median,
    tg: decode[0].tokens_per_second.median,
    gb: decode[0].effective_gb_per_second,
    stream: decode[0].stream_gb_per_second,
  }
}

async function rowsOf(plan) {
  const rows = []
  for await (const row of benchmark(molm, plan)) rows.push(row)
  return rows
}

async function nativeRound() {
  const ids = Array.from({ length: 512 + depth }, (_, i) => 256 + ((i * 3779) % 30000))
  await sequence.clearHistory()
  let started = performance.now()
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, 512))
  const nativePp = (512 / (performance.now() - started)) * 1000
  await sequence.clearHistory()
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, Math.max(32, depth)))
  const steps = []
  started = performance.now()
  for await (const _ of sequence.evaluate([ids[40]], { temperature: 0, yieldEogToken: true })) {
    const now = performance.now()
    steps.push(now - started)
    started = now
    if (steps.length > 64) break
  }
  const step = steps.slice(1).sort((a, b) => a - b)[steps.length >> 1]
  return { nativePp, nativeTg: 1000 / step, nativeGb: (active / step) * 1e-6 }
}
