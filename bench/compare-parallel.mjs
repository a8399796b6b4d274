// Compares parallel decoding in molm with llama.cpp's native engine, in alternating rounds of one run.
//
//   node bench/compare-parallel.mjs MODEL.gguf [--shape 350m-4b] [--threads 2] [--rounds 3] [--sequences 1,4,8,16]
//
// MODEL.gguf: random weights of the same shape (bench/make-gguf.mjs) in Q4_0. Each sequence has a different prompt of
// 32 tokens and samples 64 tokens at temperature 1, so that neighbours choose different experts. Figures are tokens per
// second of all sequences together, while all of them are decoding.
// node-llama-cpp is not a dependency of this project: install it elsewhere and name that folder in NODE_LLAMA_CPP
// (the folder that holds its node_modules). Prints one line per round and the medians.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { loadRandomModel } from '../dist/lab/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string', default: '350m-4b' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    sequences: { type: 'string', default: '1,4,8,16' },
  },
})
const [gguf] = positionals
const folder = process.env.NODE_LLAMA_CPP
if (!gguf || !folder) throw new Error('usage: NODE_LLAMA_CPP=FOLDER node bench/compare-parallel.mjs MODEL.gguf')
const [PROMPT, STEPS] = [32, 64]
const threads = Number(values.threads)
const counts = values.sequences.split(',').map(Number)

const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error })
const native = await openNative()
const molm = await loadRandomModel(values.shape, { threads, v8Flags: true })

const figures = []
for (const count of counts) {
  await ours(count)
  await theirs(count)
  for (let round = 0; round < Number(values.rounds); round++) {
    const figure = { count, molm: await ours(count), native: await theirs(count) }
    figures.push(figure)
    console.log(JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toFixed(1)) : value)))
  }
}
const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1]
const median = (key, count) => middle(figures.filter((figure) => figure.count === count).map((figure) => figure[key]))
console.log(`${values.shape}, molm ${molm.tier}, Node ${process.versions.node}, ${threads} threads, medians`)
for (const count of counts) {
  const [a, b] = [median('molm', count), median('native', count)]
  const gain = (key) => (median(key, count) / median(key, counts[0])).toFixed(2)
  console.log(
    `${count} at once: molm ${a.toFixed(1)} tokens/s (${gain('molm')} of ${counts[0]}), ` +
      `native ${b.toFixed(1)} (${gain('native')}), molm to native ${(a / b).toFixed(2)}`,
  )
}
await molm.dispose()
await native.dispose()
await llama.dispose()

function promptOf(sequence) {
  return Array.from({ length: PROMPT }, (_, i) => 256 + (((sequence * PROMPT + i) * 3779) % 30000))
}

/** Tokens per second of all sequences together, from the time of each token. */
function speedOf(times) {
  const begin = Math.max(...times.map((steps) => steps[0]))
  const end = Math.min(...times.map((steps) => steps[steps.length - 1]))
  const made = times.flat().filter((at) => at > begin && at <= end).length
  return (made / (end - begin)) * 1000
}

async function ours(count) {
  const sessions = Array.from({ length: count }, () => molm.createSession())
  const times = await Promise.all(
    sessions.map(async (session, s) => {
      const steps = []
      const options = { maxTokens: STEPS, temperature: 1, topK: 40, seed: s, ignoreEos: true }
      for await (const _ of session.generate(promptOf(s), options)) steps.push(performance.now())
      return steps
    }),
  )
  for (const session of sessions) session.dispose()
  return speedOf(times)
}

async function openNative() {
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, ignoreMemorySafetyChecks: true })
  const sequences = Math.max(...counts)
  const context = await model.createContext({
    contextSize: 256,
    sequences,
    batchSize: 512,
    threads,
    ignoreMemorySafetyChecks: true,
  })
  const all = Array.from({ length: sequences }, () => context.getSequence())
  return { all, dispose: () => model.dispose() }
}

async function theirs(count) {
  const times = await Promise.all(
    native.all.slice(0, count).map(async (sequence, s) => {
      await sequence.clearHistory()
      const steps = []
      const options = { temperature: 1, topK: 40, seed: s + 1, yieldEogToken: true }
      for await (const _ of sequence.evaluate(promptOf(s), options)) {
        steps.push(performance.now())
        if (steps.length === STEPS) break
      }
      return steps
    }),
  )
  return speedOf(times)
}
