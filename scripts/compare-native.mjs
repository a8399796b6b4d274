// Decode and prefill of molm beside llama.cpp's native engine, alternately in one sitting.
//
//   node scripts/compare-native.mjs MODEL.gguf [--threads 2] [--rounds 5] [--active-bytes 194220000]
//
// MODEL.gguf: a mixture-of-experts model with about the active weights of MoLM-350M-4B, quantised as Q4_0.
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
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    'active-bytes': { type: 'string', default: '194220000' },
  },
})
const [gguf] = positionals
const folder = process.env.NODE_LLAMA_CPP
if (!gguf || !folder) throw new Error('usage: NODE_LLAMA_CPP=FOLDER node scripts/compare-native.mjs MODEL.gguf')
const threads = Number(values.threads)
const activeBytes = Number(values['active-bytes'])

const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error })
const native = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, ignoreMemorySafetyChecks: true })
const context = await native.createContext({
  contextSize: 1024,
  batchSize: 512,
  threads,
  ignoreMemorySafetyChecks: true,
})
const sequence = context.getSequence()

const molm = await loadRandomModel('350m-4b', { threads })
const rounds = []
await nativeRound()
for (let round = 0; round < Number(values.rounds); round++) {
  const ours = await molmRound()
  const theirs = await nativeRound()
  rounds.push({ ...ours, ...theirs })
  console.log(JSON.stringify(rounds.at(-1)))
}
const median = (key) => rounds.map((round) => round[key]).sort((a, b) => a - b)[rounds.length >> 1]
const ratio = (a, b) => rounds.map((round) => round[a] / round[b]).sort((x, y) => x - y)[rounds.length >> 1]
console.log(
  `molm    ${molm.tier}, Node ${process.versions.node}: tg64 ${median('tg').toFixed(1)} tokens/s, ` +
    `${median('gb').toFixed(1)} GB/s of ${median('stream').toFixed(1)} streamed; pp512 ${median('pp').toFixed(0)}`,
)
console.log(
  `llama.cpp native, median step: ${median('nativeTg').toFixed(1)} tokens/s, ` +
    `${median('nativeGb').toFixed(1)} GB/s; pp512 ${median('nativePp').toFixed(0)}`,
)
console.log(
  `ratios round by round, medians: GB/s ${ratio('gb', 'nativeGb').toFixed(2)}, pp512 ${ratio('pp', 'nativePp').toFixed(2)}`,
)
await molm.dispose()
process.exitCode = 0
await llama.dispose()

async function molmRound() {
  const plan = { prompts: [512], generate: 64, depths: [0], repetitions: 1 }
  const rows = []
  for await (const row of benchmark(molm, plan)) rows.push(row)
  const [pp, tg] = rows
  return {
    pp: pp.tokens_per_second.median,
    tg: tg.tokens_per_second.median,
    gb: tg.effective_gb_per_second,
    stream: tg.stream_gb_per_second,
  }
}

async function nativeRound() {
  const ids = Array.from({ length: 512 }, (_, i) => 256 + ((i * 3779) % 50000))
  await sequence.clearHistory()
  let started = performance.now()
  await sequence.evaluateWithoutGeneratingNewTokens(ids)
  const nativePp = (512 / (performance.now() - started)) * 1000
  await sequence.clearHistory()
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, 32))
  const steps = []
  started = performance.now()
  for await (const _ of sequence.evaluate([ids[40]], { temperature: 0, yieldEogToken: true })) {
    const now = performance.now()
    steps.push(now - started)
    started = now
    if (steps.length > 64) break
  }
  const step = steps.slice(1).sort((a, b) => a - b)[steps.length >> 1]
  return { nativePp, nativeTg: 1000 / step, nativeGb: (activeBytes / step) * 1e-6 }
}
