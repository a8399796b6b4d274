// Prints the first table of docs/EXPERTS.md and the teaching table of docs/SPEED.md: how much nano learns of new texts
// and forgets of old ones, and the speed of a step compared to a prefill. Run it after `npm run build`, with files of
// domains that nano has not seen (bench/LAB.md names those used):
//   node bench/measure-teaching.mjs learn german.txt python.txt    takes minutes for each file and seed
//   (SEEDS=0,1; OPTIONS='{"layers":"last:3"}' for options of `teach` other than the defaults)
//   node bench/measure-teaching.mjs speed [350m-4b]                tokens per second, of nano or a random model
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../dist/index.js'
import { evaluateText, loadRandomModel, readText, teach } from '../dist/lab/index.js'
import { settingsOf } from '../dist/lab/teaching/teach-options.js'

const OLD = ['novels', 'dialogue', 'dictionary', 'code', 'speeches', 'arithmetic']
const SEEDS = (process.env.SEEDS ?? '0').split(',').map(Number)
const OPTIONS = JSON.parse(process.env.OPTIONS ?? '{}')
const [what, ...files] = process.argv.slice(2)

const fileOf = (domain) => fileURLToPath(new URL(`../test/fixtures/texts/${domain}.txt`, import.meta.url))
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const ppl = ({ before, after }) => `${before.toPrecision(4)} -> ${after.toPrecision(4)}`
const change = (before, after) => `${(100 * (after / before - 1)).toFixed(2)} %`

if (what === 'learn') await measureLearning()
else if (what === 'speed') await measureSpeed(files[0])
else throw new Error('say what to measure: learn FILE... or speed [SHAPE]')

async function measureLearning() {
  const before = await perplexities('nano')
  const last = ['gate bias', 'choices of new experts', 'CPU seconds']
  row('text', 'seed', 'best step', 'its perplexity', ...OLD, ...last)
  row(...Array(4 + OLD.length + last.length).fill('---'))
  for (const file of files) for (const seed of SEEDS) await measureTaught(await readText(file), seed, before)
}

async function measureTaught(text, seed, before) {
  const dir = await mkdtemp(join(tmpdir(), 'molm-teaching-'))
  const start = process.cpuUsage()
  try {
    const { path, plan, bestStep, texts, calibration } = await teach('nano', {
      out: join(dir, 'taught'),
      texts: [text],
      seed,
      ...OPTIONS,
    })
    const { user, system } = process.cpuUsage(start)
    const after = await perplexities(path)
    const changes = before.map((perplexity, i) => change(perplexity, after[i]))
    const seconds = ((user + system) / 1e6).toFixed(0)
    const [{ perplexity, newExpertShare }] = texts
    const best = `${bestStep} of ${plan.steps}`
    const share = `${(100 * newExpertShare).toFixed(1)} %`
    row(basename(text.name), seed, best, ppl(perplexity), ...changes, calibration.bias, share, seconds)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Perplexities of the complete old texts, measured as by `molm eval`. */
async function perplexities(name) {
  const model = await loadModel(name)
  try {
    const all = []
    for (const domain of OLD) all.push((await evaluateText(model, await readText(fileOf(domain)))).perplexity)
    return all
  } finally {
    await model.dispose()
  }
}

async function measureSpeed(shape) {
  const model = shape
    ? await loadRandomModel(shape, { quant: 'q4', threads: 2 })
    : await loadModel('nano', { threads: 2 })
  try {
    const options = { layers: shape ? 'last:8' : 'all' }
    const { layers } = settingsOf({ texts: [], ...options }, model.config)
    const plan = {
      mixtures: layers.map((layer) => ({ layer, kind: 'mlp', newExperts: 1 })),
      maxTokens: 1024,
      maxSequence: 256,
    }
    const ids = Int32Array.from({ length: 1024 }, (_, i) => (7919 * i * i + 31 * i) % model.config.vocabSize)
    const sequences = [0, 256, 512, 768].map((at) => ids.slice(at, at + 256))
    const { bytes, parameters } = await model.training.begin(plan)
    const session = model.createSession()
    const prefill = async () => {
      for (const sequence of sequences) {
        session.reset()
        await session.forward(sequence, { logits: 'none' })
      }
    }
    const step = () => model.training.step({ sequences }, { learningRate: 0 })
    const speeds = { prefill: [], step: [] }
    await prefill()
    await step()
    for (let i = 0; i < Number(process.env.ROUNDS ?? 5); i++) {
      for (const [name, work] of Object.entries({ prefill, step })) {
        const start = performance.now()
        await work()
        speeds[name].push((1000 * ids.length) / (performance.now() - start))
      }
    }
    const median = (all) => all.sort((a, b) => a - b)[all.length >> 1]
    const [read, taught] = [median(speeds.prefill), median(speeds.step)]
    const { weightsBytes } = await model.stats()
    row(
      'model',
      'layers',
      'parameters',
      'prefill, tokens/s',
      'step, tokens/s',
      'ratio',
      'weights, MB',
      'training, MB',
      'process, MB',
    )
    row(...Array(9).fill('---'))
    const mb = (count) => (count / 1e6).toFixed(0)
    const figures = [read.toFixed(0), taught.toFixed(0), (taught / read).toFixed(2)]
    row(model.name, layers.length, parameters, ...figures, mb(weightsBytes), mb(bytes), mb(process.memoryUsage().rss))
  } finally {
    await model.dispose()
  }
}
