// Prints the tables of docs/TEACHING.md and docs/SPEED.md: what nano learns of new texts and forgets of old ones, beside
// training the experts that it has, and how fast a step is beside a prefill. Run it after `npm run build`, with files of
// domains that nano has not seen (docs/LAB.md tells which were used):
//   node scripts/measure-teaching.mjs learn german.txt spanish.txt python.txt   experts, layers, steering: an hour or so
//   (ROW=2 for one of the rows alone; STEPS and BATCH are those of a training)
//   node scripts/measure-teaching.mjs speed [350m-4b]                           tokens a second, of nano or a random model
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModel, loadRandomModel, readText, teach } from '../dist/index.js'
import { takeCourse } from '../dist/teaching/course.js'
import { lessonsOf } from '../dist/teaching/lessons.js'
import { lossOf } from '../dist/teaching/measure.js'
import { settingsOf } from '../dist/teaching/teach-options.js'

const OLD = ['dialogue', 'novels', 'code', 'arithmetic']
const STEPS = Number(process.env.STEPS ?? 60)
const BATCH = Number(process.env.BATCH ?? 2048)
const [what, ...files] = process.argv.slice(2)

const fileOf = (domain) => fileURLToPath(new URL(`../test/fixtures/texts/${domain}.txt`, import.meta.url))
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const ppl = ({ before, after }) => `${before.toPrecision(4)} -> ${after.toPrecision(4)}`
const change = ({ before, after }) => `${(100 * (after / before - 1)).toFixed(2)} %`
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(0)

if (what === 'learn') await measureLearning()
else if (what === 'speed') await measureSpeed(files[0])
else throw new Error('say what to measure: learn FILE... or speed [SHAPE]')

async function measureLearning() {
  const texts = await Promise.all(files.map(readText))
  const keepTexts = await Promise.all(OLD.map((domain) => readText(fileOf(domain))))
  const taught = (text, layers, options) => () => measureTaught(text, keepTexts, layers, options ?? {})
  const [first, ...others] = texts
  const rows = [
    taught(first, 'last:3'),
    taught(first, 'last:3', { steering: 'entropy' }),
    taught(first, 'last:3', { steering: 'none' }),
    taught(first, 'last:3', { steering: 'none', keep: 0 }),
    () => measureWhole(first, keepTexts, 'last:3', 0),
    () => measureWhole(first, keepTexts, 'last:3', 0.4),
    ...others.map((text) => taught(text, 'last:3')),
    taught(first, 'all'),
    taught(first, 'last:1'),
    ...['last:3', 'all', 'last:1'].flatMap((layers) => [2, 4].map((experts) => taught(first, layers, { experts }))),
    ...others.flatMap((text) => ['all', 'last:1'].map((layers) => taught(text, layers))),
  ]
  const wanted = process.env.ROW === undefined ? rows : [rows[Number(process.env.ROW)]]
  row('text', 'layers', 'experts', 'steering', 'its perplexity', ...OLD, 'to newcomers, new / old', 'seconds')
  row(...Array(7 + OLD.length).fill('---'))
  for (const measure of wanted) await measure()
}

async function measureTaught(text, keepTexts, layers, options) {
  const dir = await mkdtemp(join(tmpdir(), 'molm-teaching-'))
  const start = performance.now()
  try {
    const out = join(dir, 'taught')
    const all = { out, texts: [text], keepTexts, layers, steps: STEPS, batch: BATCH, threads: 2, ...options }
    const { texts, keep } = await teach('nano', all)
    const old = keep.reduce((sum, { newcomerShare }) => sum + newcomerShare, 0) / keep.length
    const shares = `${(100 * texts[0].newcomerShare).toFixed(1)} % / ${(100 * old).toFixed(1)} %`
    const { experts = 1, steering = 'texts', keep: share } = options
    const how = share === 0 ? `${steering}, nothing read again` : steering
    const changes = keep.map(({ perplexity }) => change(perplexity))
    row(basename(text.name), layers, experts, how, ppl(texts[0].perplexity), ...changes, shares, seconds(start))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The same with all MLP experts that the layers have, in f32, in place of new ones. */
async function measureWhole(text, keepTexts, layers, keepShare) {
  const start = performance.now()
  const model = await loadModel('nano', { quant: 'f32', threads: 2 })
  try {
    const options = { texts: [text], layers, batch: BATCH, keep: keepShare, steering: 'none' }
    const settings = settingsOf(options, model.config)
    const lessons = await lessonsOf(model, [text], settings.window)
    const keep = await lessonsOf(model, keepTexts, settings.window)
    const mixtures = settings.layers.map((layer) => {
      return { layer, kind: 'mlp', existing: [...Array(model.config.mixtures[1].experts[layer]).keys()] }
    })
    const plan = { mixtures, maxTokens: 1024, maxSequence: settings.window }
    await model.training.begin(plan)
    const losses = async () => {
      const of = []
      for (const { heldOut } of [...lessons, ...keep]) of.push(Math.exp((await lossOf(model, heldOut)).loss))
      return of
    }
    const before = await losses()
    const { weights: from } = await model.training.read(false)
    const course = { settings, plan, lessons, keep: keepShare > 0 ? keep : [], steps: STEPS }
    const { weights } = await takeCourse(model, course, { from, save: async () => {} })
    await model.training.write({
      steps: 0,
      weights,
      firstMoments: new Float32Array(),
      secondMoments: new Float32Array(),
    })
    const after = await losses()
    const pairs = before.map((perplexity, i) => ({ before: perplexity, after: after[i] }))
    const how = keepShare > 0 ? 'none' : 'none, nothing read again'
    row(
      basename(text.name),
      layers,
      'the 24 it has',
      how,
      ppl(pairs[0]),
      ...pairs.slice(1).map(change),
      '',
      seconds(start),
    )
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
      mixtures: layers.map((layer) => ({ layer, kind: 'mlp', newcomers: 1 })),
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
