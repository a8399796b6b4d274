// Compares predicted speeds with measured ones, by turns: the machine is measured before and after each run of a
// model with random weights, so that other programs slow both.
//
//   node bench/compare-predictions.mjs [SHAPE...] [--rounds 3] [--threads 2] [--memory 8GiB --folder FOLDER]
//
// Prints medians in tokens per second for a prompt of 512 tokens and an answer of 32, and the median of the rounds'
// ratios. Without SHAPE it takes all that have up to 6 GB. With --memory, a packed file of the shape, which is written to
// FOLDER/SHAPE first if it is not there, runs within that memory; random weights wake all experts alike.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseMemory } from '../dist/cli/parsing/options.js'
import { loadModel } from '../dist/index.js'
import { benchmark } from '../dist/lab/benchmark/benchmark.js'
import { loadRandomModel, writeRandomModel } from '../dist/lab/index.js'
import { median } from '../dist/lab/surgery/decode-speed.js'
import { resolveModel } from '../dist/library/finding/resolve-model.js'
import { measureReading } from '../dist/library/machine/disk.js'
import { measureMachine } from '../dist/library/machine/machine-speed.js'
import { predictSpeed } from '../dist/library/machine/predict-speed.js'
import { layoutOf, publishedFormats } from '../dist/model/families/index.js'
import { publishedShape } from '../dist/model/families/published-shapes.js'

const SMALL = ['350m-4b', 'granite-1b-a400m', 'granite-3b-a800m', 'smallthinker-4b', 'olmoe-1b-7b', 'lfm2-8b-a1b']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    memory: { type: 'string' },
    folder: { type: 'string', default: '.' },
  },
})
const [rounds, threads] = [Number(values.rounds), Number(values.threads)]
const memory = values.memory && parseMemory(values.memory)
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)

row('shape', 'prompt, predicted', 'measured', 'ratio', 'answer, predicted', 'measured', 'ratio')
row(...Array(7).fill('---'))
for (const shape of positionals.length > 0 ? positionals : SMALL) {
  const path = join(values.folder, shape, 'model-q4.molm.safetensors')
  if (memory && !existsSync(path)) await writeRandomModel(shape, 'q4', path)
  const file = memory && (await resolveModel(path)).file
  const model = memory ? await loadModel(path, { threads, memory }) : await loadRandomModel(shape, { threads })
  const config = publishedShape(shape)
  const { parts } = layoutOf(config, publishedFormats(config, 'q4'))
  const predict = async () => {
    const little = memory && { memory, reading: measureReading(file), isEven: true }
    return predictSpeed(config, parts, (await measureMachine(threads)).speed, little)
  }
  const samples = []
  for (let round = 0; round < rounds; round++) {
    const before = await predict()
    const measured = {}
    const plan = { prompts: [512], generate: 32, depths: [0], repetitions: 1 }
    for await (const { test, tokensPerSecond } of benchmark(model, plan)) measured[test] = tokensPerSecond.median
    const after = await predict()
    const predicted = (kind) => (before[kind] + after[kind]) / 2
    samples.push({ prompt: [predicted('prefill'), measured.pp512], answer: [predicted('decode'), measured.tg32] })
  }
  await model.dispose()
  const cells = ['prompt', 'answer'].flatMap((kind) => {
    const pairs = samples.map((sample) => sample[kind])
    const [predicted, measured] = [0, 1].map((i) => median(pairs.map((pair) => pair[i])).toFixed(1))
    return [predicted, measured, median(pairs.map(([a, b]) => a / b)).toFixed(2)]
  })
  row(shape, ...cells)
}
