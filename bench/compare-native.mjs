// Compares prefill and decode of molm with llama.cpp's native engine at several depths, in alternating rounds of one
// run. llama.cpp runs with and without flash attention; its better speed counts. Prints each round and a table.
//
//   node bench/compare-native.mjs MODEL.gguf [--shape granite-1b-a400m] [--threads 2] [--rounds 3] [--depths 0]
//                                 [--prompt 512] [--generate 64] [--whole 0] [--cache-types bf16,q8] [--in-turn]
//
// MODEL.gguf: random weights of the same shape (bench/make-gguf.mjs). llama.cpp has no ModuleFormer: for 350m-4b use a
// mixture with about as many active weights, and compare GB/s with --active-bytes.
// --depths: tokens in the cache before a test. A context for each is filled once and cut back after each test.
// --prompt, --generate: tokens of prefill and of decode at each depth; 0 leaves a test out.
// --whole: length of a prompt that is read from the start, in the first round only; 16384 takes llama.cpp minutes.
// --cache-types: molm's caches to measure; by default its own choice.
// --flash: which settings of llama.cpp; default on,off.
// --in-turn: keeps only one engine in memory at a time, for models that do not fit several times.
// node-llama-cpp is not a dependency of this project: install it elsewhere and name that folder in NODE_LLAMA_CPP
// (the folder that holds its node_modules).
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { UNFILTERED } from '../dist/api/generation-options.js'
import { resultOf } from '../dist/index.js'
import { loadRandomModel } from '../dist/lab/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string', default: 'granite-1b-a400m' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    depths: { type: 'string', default: '0' },
    prompt: { type: 'string', default: '512' },
    generate: { type: 'string', default: '64' },
    whole: { type: 'string', default: '0' },
    flash: { type: 'string', default: 'on,off' },
    'cache-types': { type: 'string' },
    'active-bytes': { type: 'string' },
    'in-turn': { type: 'boolean', default: false },
  },
})
const [gguf] = positionals
const folder = process.env.NODE_LLAMA_CPP
if (!gguf || !folder) throw new Error('usage: NODE_LLAMA_CPP=FOLDER node bench/compare-native.mjs MODEL.gguf')
const [threads, rounds, prompt, generate, whole] = ['threads', 'rounds', 'prompt', 'generate', 'whole'].map((name) =>
  Number(values[name]),
)
const depths = values.depths.split(',').map(Number)
const contextSize = Math.max(whole, Math.max(...depths) + Math.max(prompt, generate, 32)) + 64
const ids = Array.from({ length: contextSize }, (_, i) => 256 + ((i * 3779) % 30000))
const cacheTypes = values['cache-types']?.split(',') ?? [undefined]

const entry = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error })

const openers = [
  ...cacheTypes.map((type) => ({ name: type ? `molm ${type}` : 'molm', open: () => openMolm(type) })),
  ...values.flash.split(',').map((flash) => ({ name: `llama.cpp flash ${flash}`, open: () => openNative(flash) })),
]
const isNative = (name) => name.startsWith('llama.cpp')
/** Tokens a second by test, engine and round. */
const speeds = new Map()
const streams = []
let active = Number(values['active-bytes'] ?? 0)
let tier = ''

if (values['in-turn']) {
  for (let round = 0; round < rounds; round++) {
    for (const { name, open } of openers) {
      const engine = await open()
      await measure(name, engine, round)
      await engine.close()
    }
  }
} else {
  const engines = []
  for (const { name, open } of openers) engines.push({ name, engine: await open() })
  for (let round = 0; round < rounds; round++) {
    for (const { name, engine } of engines) await measure(name, engine, round)
  }
  for (const { engine } of engines) await engine.close()
}
printTable()
process.exitCode = 0
await llama.dispose()

/** Runs one round of an engine's tests. */
async function measure(name, engine, round) {
  const figures = {}
  for (const depth of depths) {
    const at = await engine.context(depth)
    if (prompt > 0) figures[`prefill of ${prompt} @ ${depth}`] = await at.prefill(depth, prompt)
    if (generate > 0) figures[`decode @ ${depth}`] = await at.decode(depth)
  }
  if (whole > 0 && round === 0) figures[`prompt of ${whole}`] = await (await engine.context(0)).prefill(0, whole)
  for (const [test, speed] of Object.entries(figures)) {
    const byEngine = speeds.get(test) ?? new Map()
    speeds.set(test, byEngine)
    byEngine.set(name, [...(byEngine.get(name) ?? []), speed])
  }
  if (engine.stream) streams.push(await engine.stream())
  const shown = Object.entries(figures).map(([test, speed]) => `${test} ${speed.toFixed(1)}`)
  console.log(`round ${round + 1}, ${name}: ${shown.join(', ')}`)
}

function printTable() {
  const names = openers.map(({ name }) => name)
  const molms = names.filter((name) => !isNative(name))
  const natives = names.filter(isNative)
  console.log(`\n${values.shape}, ${threads} threads, molm ${tier}, Node ${process.versions.node}; tokens/s, medians\n`)
  const ratioNames = molms.map((name) => `${name} / llama.cpp`)
  const shareNames = [...molms, ...natives].map((name) => `${name}, of depth 0`)
  line(['', ...names, ...ratioNames, ...(depths.length > 1 ? shareNames : [])])
  line(new Array(1 + names.length + molms.length + (depths.length > 1 ? names.length : 0)).fill('---'))
  for (const [test, byEngine] of speeds) {
    const better = byEngine.get(natives[0]).map((_, i) => Math.max(...natives.map((name) => byEngine.get(name)[i])))
    const ratios = molms.map((name) => `${median(byEngine.get(name).map((x, i) => x / better[i])).toFixed(2)} x`)
    const start = speeds.get(test.replace(/@ \d+$/, '@ 0'))
    const shares = names.map((name) => {
      if (!start || start === byEngine || !test.includes('@')) return ''
      return median(byEngine.get(name).map((x, i) => x / start.get(name)[i])).toFixed(2)
    })
    const cells = names.map((name) => shortened(median(byEngine.get(name))))
    line([test, ...cells, ...ratios, ...(depths.length > 1 ? shares : [])])
  }
  const decode = speeds.get('decode @ 0')
  if (!decode) return
  const read = names.map((name) => `${name} ${((median(decode.get(name)) * active) / 1e9).toFixed(1)}`)
  console.log(`\nGB/s of weights at depth 0: ${read.join(', ')}; streamed ${(median(streams) / 1e9).toFixed(1)}`)
}

function line(cells) {
  console.log(`| ${cells.join(' | ')} |`)
}

function shortened(speed) {
  return speed.toFixed(speed < 100 ? 1 : 0)
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Gives an engine's contexts by depth: each is made and filled once. */
function filledOnce(make) {
  const contexts = new Map()
  return async (depth) => {
    if (!contexts.has(depth)) contexts.set(depth, await make(depth))
    return contexts.get(depth)
  }
}

/** Tokens a second of `count` tokens that `run` takes. */
async function speedOf(count, run) {
  const started = performance.now()
  await run()
  return (count / (performance.now() - started)) * 1000
}

async function openMolm(cacheType) {
  const options = { threads, v8Flags: true, ...(cacheType ? { cacheType } : {}) }
  const model = await loadRandomModel(values.shape, options)
  active ||= model.info.activeBytes
  tier = model.tier
  return {
    context: filledOnce(async (depth) => {
      const session = model.createSession()
      const read = (from, count) => session.forward(Int32Array.from(ids.slice(from, from + count)), { logits: 'last' })
      // The first tokens compile code.
      await read(0, 64)
      session.truncate(0)
      if (depth > 0) await read(0, depth)
      return {
        async prefill(from, count) {
          const speed = await speedOf(count, () => read(from, count))
          session.truncate(from)
          return speed
        },
        async decode(from) {
          const plan = { ...UNFILTERED, topK: 40, maxTokens: generate + 1, seed: 0, ignoreEos: true }
          const { decodeMs } = await resultOf(session.generate(Int32Array.of(ids[40]), plan))
          session.truncate(from)
          return (generate / decodeMs) * 1000
        },
      }
    }),
    stream: () => model.measureStream(),
    close: () => model.dispose(),
  }
}

async function openNative(flash) {
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0, ignoreMemorySafetyChecks: true })
  const options = { batchSize: 512, threads, flashAttention: flash === 'on', ignoreMemorySafetyChecks: true }
  return {
    context: filledOnce(async (depth) => {
      const size = depth === 0 ? contextSize : depth + Math.max(prompt, generate) + 64
      const context = await model.createContext({ contextSize: size, ...options })
      const sequence = context.getSequence()
      const read = (from, count) => sequence.evaluateWithoutGeneratingNewTokens(ids.slice(from, from + count))
      const cut = async (to) => {
        if (to === 0) await sequence.clearHistory()
        else await sequence.eraseContextTokenRanges([{ start: to, end: sequence.nextTokenIndex }])
      }
      await read(0, 64)
      await cut(0)
      if (depth > 0) await read(0, depth)
      return {
        async prefill(from, count) {
          const speed = await speedOf(count, () => read(from, count))
          await cut(from)
          return speed
        },
        /** The inverse of the median step: some steps wait for JavaScript. */
        async decode(from) {
          if (from === 0) await read(0, 32)
          const steps = []
          let started = performance.now()
          for await (const _ of sequence.evaluate([ids[40]], { temperature: 0, yieldEogToken: true })) {
            const now = performance.now()
            steps.push(now - started)
            started = now
            if (steps.length > generate) break
          }
          await cut(from)
          return 1000 / median(steps.slice(1))
        },
      }
    }),
    close: () => model.dispose(),
  }
}
