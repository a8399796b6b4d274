// Compares decode and prefill of molm with llama.cpp's native engine, in alternating rounds of one run.
//
//   node bench/compare-native.mjs MODEL.gguf [--shape 350m-4b] [--threads 2] [--rounds 5] [--prompt 512]
//                                 [--generate 64] [--depth 0] [--in-turn]
//
// MODEL.gguf: random weights of the same shape (bench/make-gguf.mjs). llama.cpp has no ModuleFormer: for 350m-4b use a
// mixture with about as many active weights, and compare GB/s with --active-bytes.
// --prompt, --generate: tokens of a prompt, and tokens to decode. --depth: tokens in the cache before decode is measured.
// --in-turn: keeps only one engine in memory at a time, for models that do not fit twice.
// node-llama-cpp is not a dependency of this project: install it elsewhere and name that folder in NODE_LLAMA_CPP
// (the folder that holds its node_modules). Prints one line per round and the medians.
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
    prompt: { type: 'string', default: '512' },
    generate: { type: 'string', default: '64' },
    depth: { type: 'string', default: '0' },
    'active-bytes': { type: 'string' },
    'in-turn': { type: 'boolean', default: false },
  },
})
const [gguf] = positionals
const folder = process.env.NODE_LLAMA_CPP
if (!gguf || !folder) throw new Error('usage: NODE_LLAMA_CPP=FOLDER node bench/compare-native.mjs MODEL.gguf')
const [threads, depth] = [Number(values.threads), Number(values.depth)]
const [prompt, generate] = [Number(values.prompt), Number(values.generate)]

const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error })

let active = Number(values['active-bytes'] ?? 0)
let tier = ''
const rounds = []
if (values['in-turn']) {
  for (let round = 0; round < Number(values.rounds); round++) {
    report({ ...(await alone(openMolm)), ...(await alone(openNative)) })
  }
} else {
  const native = await openNative()
  const molm = await openMolm()
  await native.round()
  for (let round = 0; round < Number(values.rounds); round++) {
    report({ ...(await molm.round()), ...(await native.round()) })
  }
  await molm.close()
  await native.close()
}
summarise()
process.exitCode = 0
await llama.dispose()

/** Runs one round of an engine that is loaded only for it, after a warm-up round. */
async function alone(open) {
  const engine = await open()
  await engine.round()
  const figures = await engine.round()
  await engine.close()
  return figures
}

function report(figures) {
  const round = { ...figures, nativeGb: (active * figures.nativeTg) / 1e9 }
  rounds.push(round)
  console.log(JSON.stringify(round, (_, value) => (typeof value === 'number' ? Number(value.toFixed(2)) : value)))
}

function summarise() {
  const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1]
  const median = (key) => middle(rounds.map((round) => round[key]))
  const ratio = (a, b) => middle(rounds.map((round) => round[a] / round[b])).toFixed(2)
  const at = depth > 0 ? ` at depth ${depth}` : ''
  console.log(
    `${values.shape}, molm ${tier}, Node ${process.versions.node}: tg${generate}${at} ${median('tg').toFixed(1)} tokens/s, ` +
      `${median('gb').toFixed(1)} GB/s of ${median('stream').toFixed(1)} streamed; pp${prompt} ${median('pp').toFixed(0)}`,
  )
  console.log(
    `llama.cpp native, median step: ${median('nativeTg').toFixed(1)} tokens/s, ` +
      `${median('nativeGb').toFixed(1)} GB/s; pp${prompt} ${median('nativePp').toFixed(0)}`,
  )
  console.log(
    `ratios round by round, medians: tokens/s ${ratio('tg', 'nativeTg')}, GB/s ${ratio('gb', 'nativeGb')}, pp${prompt} ${ratio('pp', 'nativePp')}`,
  )
}

async function openMolm() {
  const model = await loadRandomModel(values.shape, { threads, v8Flags: true })
  active ||= model.info.activeBytes
  tier = model.tier
  const rowOf = async (plan) => {
    for await (const row of benchmark(model, { ...plan, repetitions: 1 })) return row
  }
  return {
    async round() {
      const prefill = await rowOf({ prompts: [prompt], generate: 0, depths: [0] })
      const decode = await rowOf({ prompts: [], generate, depths: [depth] })
      return {
        pp: prefill.tokensPerSecond.median,
        tg: decode.tokensPerSecond.median,
        gb: decode.effectiveGbPerSecond,
        stream: decode.streamGbPerSecond,
      }
    },
    close: () => model.dispose(),
  }
}

async function openNative() {
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, ignoreMemorySafetyChecks: true })
  const context = await model.createContext({
    contextSize: Math.max(512, prompt, depth) + generate + 64,
    batchSize: 512,
    threads,
    ignoreMemorySafetyChecks: true,
  })
  const sequence = context.getSequence()
  return { round: () => nativeRound(sequence), close: () => model.dispose() }
}

async function nativeRound(sequence) {
  const ids = Array.from({ length: prompt + depth + 64 }, (_, i) => 256 + ((i * 3779) % 30000))
  await sequence.clearHistory()
  let started = performance.now()
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, prompt))
  const nativePp = (prompt / (performance.now() - started)) * 1000
  await sequence.clearHistory()
  await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, Math.max(32, depth)))
  const steps = []
  started = performance.now()
  for await (const _ of sequence.evaluate([ids[40]], { temperature: 0, yieldEogToken: true })) {
    const now = performance.now()
    steps.push(now - started)
    started = now
    if (steps.length > generate) break
  }
  const step = steps.slice(1).sort((a, b) => a - b)[steps.length >> 1]
  return { nativePp, nativeTg: 1000 / step }
}
