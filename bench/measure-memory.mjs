// Measures decode within limits of memory, on a packed model of random weights, beside what the replay of its own trace
// says:
//
//   node bench/measure-memory.mjs SHAPE FOLDER [--memory 2G,4G,6G,8G] [--tokens 48] [--rounds 3] [--threads 2] [--drop-caches]
//   systemd-run --scope -p MemoryMax=6G node bench/measure-memory.mjs SHAPE FOLDER --memory auto
//
// The second call keeps the whole program and the files that it reads within 6 GB, and molm chooses its share itself.
// Writes FOLDER/model-q4.molm.safetensors first if it is not there: 17.4 GB for qwen3-30b-a3b, 12.1 GB for gpt-oss-20b. The
// system keeps what was read in its cache, if there is memory; --drop-caches empties it before each round (Linux, as
// root), and then only reads of the same round are cached. Random weights route evenly, so hits are those of the worst
// case; `bench/make-trace.mjs` has others.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { UNFILTERED } from '../dist/api/generation-options.js'
import { parseMemory } from '../dist/cli/parsing/options.js'
import { loadModel } from '../dist/index.js'
import { writeRandomModel } from '../dist/lab/index.js'
import { replay } from '../dist/lab/traces/replay.js'
import { resolveModel } from '../dist/library/finding/resolve-model.js'
import { measureReading } from '../dist/library/machine/disk.js'
import { layoutOf } from '../dist/model/families/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    memory: { type: 'string', default: '2G,4G,6G,8G' },
    tokens: { type: 'string', default: '48' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    'drop-caches': { type: 'boolean', default: false },
  },
})
const [shape, folder] = positionals
if (!folder) throw new Error('usage: node bench/measure-memory.mjs SHAPE FOLDER [--memory 2G,4G]')
const [tokens, rounds, threads] = [values.tokens, values.rounds, values.threads].map(Number)
const path = join(folder, 'model-q4.molm.safetensors')
if (!existsSync(path)) await writeRandomModel(shape, 'q4', path)
const { config, formats, file } = await resolveModel(path)
const layout = layoutOf(config, formats)
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** Generates with a limit of memory. Returns tokens per second, the model's counts and the trace. */
async function generate(memory, seed) {
  if (values['drop-caches']) writeFileSync('/proc/sys/vm/drop_caches', '3')
  const model = await loadModel(path, { threads, ...(memory && { memory }) })
  try {
    const ids = new Map()
    const add = (routes, count) => {
      for (const [layer, kinds] of routes.entries()) {
        for (const [kind, { ids: own }] of Object.entries(kinds)) {
          const name = `${kind} ${layer}`
          const known = ids.get(name) ?? { kind, layer, k: own.length / count, ids: [] }
          known.ids.push(...own)
          ids.set(name, known)
        }
      }
    }
    const prompt = Array.from({ length: 16 }, (_, i) => (i * 7919 + seed * 104729) % config.vocabSize)
    const options = { ...UNFILTERED, topK: 40, seed, ignoreEos: true }
    const generation = model.createSession().generate(prompt, {
      ...options,
      maxTokens: tokens,
      routes: true,
      onPromptRoutes: (routes) => add(routes, prompt.length),
    })
    const started = []
    for await (const { routes } of generation) {
      started.push(performance.now())
      add(routes, 1)
    }
    const stats = await model.stats()
    const layers = [...ids.values()].map((known) => ({ ...known, ids: Int32Array.from(known.ids) }))
    const trace = { length: prompt.length + tokens, prompt: prompt.length, layers }
    return { speed: ((tokens - 1) * 1000) / (started.at(-1) - started[0]), stats, trace }
  } finally {
    await model.dispose()
  }
}

row('memory', 'tokens/s, measured', 'hits', 'hits by replay', 'MB read per token', 'file read at', 'tokens/s by replay')
row(...Array(7).fill('---'))
let whole
for (const limit of values.memory === 'auto' ? ['auto'] : ['', ...values.memory.split(',')]) {
  const memory = limit === '' || limit === 'auto' ? undefined : parseMemory(limit)
  const runs = []
  for (let round = 0; round < rounds; round++) runs.push(await generate(memory, round))
  const speed = median(runs.map((run) => run.speed))
  const { stats, trace } = runs[0]
  const share = ({ hits, misses }) => `${((100 * hits) / (hits + misses)).toFixed(1)} %`
  const measured = share({ hits: stats.expertHits, misses: stats.expertMisses })
  if (memory === undefined) {
    whole = speed
    row(limit || 'all', speed.toFixed(2), limit && measured, '', '', '', '')
    continue
  }
  const disk = measureReading(file)
  const [own] = replay([trace], layout, [memory])
  const perToken = own.answer.bytesRead / tokens
  const computed = 1 / (1 / whole + perToken / disk)
  row(
    limit,
    speed.toFixed(2),
    measured,
    share(own),
    (perToken / 1e6).toFixed(0),
    `${(disk / 1e9).toFixed(2)} GB/s`,
    computed.toFixed(2),
  )
}
