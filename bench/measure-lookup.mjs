/*
 * Steps of several tokens at once, which prompt lookup would need to check drafts taken from the text itself, and how
 * often such drafts are right.
 *
 *   node bench/measure-lookup.mjs steps SHAPE [--depths 0,2000] [--counts 1,2,3,4,6,8] [--rounds 5] [--quant q4]
 *   node bench/measure-lookup.mjs texts PROMPT ANSWER [--tokenizer FOLDER] [--matches 1,2,3,4,6,8] [--drafts 1,3,7]
 *     [--costs 1:1,2:1.7,4:2.65,8:5.24,16:9.5]
 *   node bench/measure-lookup.mjs forced SHAPE PROMPT ANSWER [--tokens 400] [--tokenizer FOLDER] [--rounds 5]
 *
 * `steps`: the model continues a random text. Its own continuation is then read again in steps of some tokens: what
 * lookup would do if every draft were right. Prints, for each number of tokens, the time of a step next to that of one
 * token (the median of pairs), the same for the bytes of weights and cached rows, and the share of drafts that must be
 * right to lose nothing.
 *
 * `texts`: reads a prompt (`-` for none) and its answer, and prints the tokens per step that lookup would give, and how
 * many drafted tokens are right, by length of the match and of the draft. No model runs: the figures are those of a
 * model that writes exactly this answer. With the times of steps in `--costs`, also prints the gain of molm's own drafts.
 *
 * `forced`: a model of random weights writes the answer, since the answer's tokens are made the likeliest, with and
 * without lookup by turns. Prints the speeds and the median of the pairs' ratios.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { settle, UNFILTERED } from '../dist/api/generation-options.js'
import { Decoding } from '../dist/engine/run/decoding.js'
import { loadWeights } from '../dist/engine/run/load.js'
import { Drafter } from '../dist/engine/run/lookup/drafter.js'
import { EXPECTED_FACTOR, StepBytes, StepCosts } from '../dist/engine/run/lookup/step-costs.js'
import { Scheduler } from '../dist/engine/run/scheduler.js'
import { Sequence } from '../dist/engine/run/sequences/sequence.js'
import { loadModel, resultOf } from '../dist/index.js'
import { chooseKernels } from '../dist/kernels/tiers/choose-kernels.js'
import { loadRandomModel } from '../dist/lab/index.js'
import { layoutOf, publishedFormats } from '../dist/model/families/index.js'
import { PUBLISHED_SHAPES, publishedShape } from '../dist/model/families/published-shapes.js'
import { loadTokenizer } from '../dist/text/tokenizer.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    depths: { type: 'string', default: '0,2000' },
    counts: { type: 'string', default: '1,2,3,4,6,8' },
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '24' },
    quant: { type: 'string', default: 'q4' },
    threads: { type: 'string', default: '2' },
    tokenizer: { type: 'string', default: fileURLToPath(new URL('../models/nano', import.meta.url)) },
    matches: { type: 'string', default: '1,2,3,4,6,8' },
    costs: { type: 'string' },
    most: { type: 'string', default: '15' },
    drafts: { type: 'string', default: '1,3,7' },
  },
})

/** Takes the likeliest token after the filters. */
const SAMPLED = { ...UNFILTERED, topK: 1, seed: 1 }

const [mode, ...names] = positionals
const list = (text) => text.split(',').map(Number)
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]
if (mode === 'steps') await measureSteps(names[0])
else if (mode === 'forced') await measureForced(...names)
else if (mode === 'texts') await measureTexts(names)
else throw new Error('say `steps SHAPE`, `texts PROMPT ANSWER` or `forced SHAPE PROMPT ANSWER`')

async function measureSteps(name) {
  const model = await load(name)
  const counts = list(values.counts)
  const tokens = Number(values.tokens)
  console.log(`${name} ${values.quant}, ${model.threads} threads, Node ${process.versions.node}, ${tokens} tokens each`)
  for (const depth of list(values.depths)) {
    const session = model.createSession()
    const before = (await model.stats()).cacheBytes
    if (depth > 0) await session.forward(randomTokens(model, depth), { logits: 'none' })
    const cacheBytes = depth > 0 ? (await model.stats()).cacheBytes - before : 0
    const text = await continuation(model, session, depth, tokens)
    const { bytes, even } = await bytesOfSteps(model, session, depth, text, counts, cacheBytes)

    const times = new Map(counts.map((count) => [count, []]))
    for (let round = -1; round < Number(values.rounds); round++) {
      for (const count of counts) {
        session.truncate(depth)
        let ms = 0
        for (let at = 0; at < tokens; at += count) {
          const ids = text.subarray(at, at + count)
          const started = performance.now()
          await session.forward(ids, { logits: 'none', targets: ids })
          ms += performance.now() - started
        }
        if (round >= 0) times.get(count).push(ms / (tokens / count))
      }
    }
    for (const count of counts) {
      const ratio = median(times.get(count).map((ms, round) => ms / times.get(1)[round]))
      const right = count === 1 ? '' : `, breaks even at ${((ratio - 1) / (count - 1)).toFixed(2)} of the drafts`
      const most = `at most x${(count / ratio).toFixed(2)}`
      console.log(
        `depth ${depth}, ${count} tokens: ${median(times.get(count)).toFixed(2)} ms, x${ratio.toFixed(2)} ` +
          `(bytes x${(bytes[count] / bytes[1]).toFixed(2)}, even routes x${(even[count] / even[1]).toFixed(2)}), ` +
          `${most}${right}`,
      )
    }
    session.dispose()
  }
  await model.dispose()
}

/** Writes an answer after its prompt, with and without lookup by turns. */
async function measureForced(shape, prompt, answer) {
  const tokenizer = await loadTokenizer(values.tokenizer)
  const config = publishedShape(shape)
  const idsOf = (path) => {
    if (path === '-') return [0]
    return tokenizer.encode(readFileSync(path, 'utf8')).map((id) => id % config.vocabSize)
  }
  const [before, after] = [idsOf(prompt), idsOf(answer).slice(0, Number(values.tokens))]
  const text = [...before, ...after]
  const quant = values.quant
  const free = Number.MAX_SAFE_INTEGER
  const source = { config, formats: publishedFormats(config, quant), path: '', kind: 'random', memory: free, free }
  const loaded = await loadWeights(source, chooseKernels().bank, Number(values.threads))
  const { model, layout, pool } = loaded
  const { sample } = Decoding.prototype
  Decoding.prototype.sample = function (logits, previous) {
    const { values } = logits
    const wanted = text[previous.length]
    const own = values[wanted]
    values[wanted] = 1e3
    sample.call(this, logits, previous)
    values[wanted] = own
  }
  const weights = new StepBytes(layout, config)
  const measured = { factor: EXPECTED_FACTOR }
  const { perToken } = model.cacheBytes
  const sequence = new Sequence(model)
  const stop = new Int32Array(1)
  const work = (task) => {
    let reply
    const scheduler = new Scheduler(model)
    const done = (value) => {
      reply = value
    }
    const failed = (error) => {
      throw error
    }
    scheduler.add({ lane: '', task, stopped: () => false, isWanted: () => true, done, failed })
    scheduler.work(() => {})
    return reply
  }
  const first = Int32Array.from(before.slice(0, -1))
  if (first.length > 0) work(sequence.forward({ tokens: first, logits: 'none' }, stop))
  const times = [[], []]
  let drafts
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const lookup of round % 2 === 0 ? [0, 1] : [1, 0]) {
      sequence.truncate(first.length)
      const settings = settle({ promptLookupNumTokens: lookup * Number(values.most), maxTokens: after.length }, SAMPLED)
      const request = { prompt: Int32Array.of(before[before.length - 1]), settings, eos: [] }
      const costs = new StepCosts((tokens) => weights.of(tokens) + sequence.cache.length * perToken, measured)
      const got = []
      const reply = work(sequence.generate(request, stop, ({ token }) => got.push(token), undefined, costs))
      if (got.join() !== after.join()) throw new Error('the text is another one')
      if (round >= 0) times[lookup].push(reply.decodeMs)
      drafts = reply.drafts ?? drafts
    }
  }
  const ratio = median(times[0].map((ms, i) => ms / times[1][i]))
  const [without, withLookup] = times.map((all) => ((after.length - 1) * 1000) / median(all))
  console.log(
    `${shape} ${quant}, Node ${process.versions.node}, ${after.length} tokens of ${answer} after ${before.length}: ` +
      `${without.toFixed(1)} tokens/s without, ${withLookup.toFixed(1)} with: x${ratio.toFixed(2)}, ` +
      `${drafts?.right ?? 0} of ${drafts?.drafted ?? 0} drafts right, factor ${measured.factor.toFixed(2)}`,
  )
  await pool.close()
}

function load(name) {
  const options = { quant: values.quant, threads: Number(values.threads) }
  return PUBLISHED_SHAPES.includes(name) ? loadRandomModel(name, options) : loadModel(name, options)
}

/** The model's text after `depth` tokens, at temperature 1. */
async function continuation(model, session, depth, tokens) {
  const options = { temperature: 1, topK: 40, topP: 1, repeatPenalty: 1, maxTokens: tokens, seed: 1, stop: [] }
  const first = randomTokens(model, 1)
  const { tokens: written } = await resultOf(session.generate(first, { ...options, ignoreEos: true }))
  session.truncate(depth)
  return Int32Array.from(written)
}

/** Bytes that a step of each count reads: by the routes of the text, and by even, independent ones. */
async function bytesOfSteps(model, session, depth, text, counts, cacheBytes) {
  const { config, info } = model
  const sizes = {}
  for (const { expert, bytes } of layoutOf(config, info.formats).parts) if (expert) sizes[expert.kind] = bytes
  const { routes } = await session.forward(text, { logits: 'none', routes: true })
  session.truncate(depth)
  const mixtures = routes.flatMap((layer, l) => {
    return Object.entries(layer).map(([kind, { ids }]) => {
      const width = ids.length / text.length
      return {
        ids,
        width,
        size: sizes[kind],
        experts: config.mixtures.find((mixture) => mixture.kind === kind).experts[l],
      }
    })
  })
  const used = mixtures.reduce((sum, { width, size }) => sum + width * size, 0)
  const shared = info.activeBytes - used + cacheBytes
  const bytes = {}
  const even = {}
  for (const count of counts) {
    let woken = 0
    let expected = 0
    for (const { ids, width, size, experts } of mixtures) {
      for (let at = 0; at < text.length; at += count) {
        woken += new Set(ids.subarray(at * width, (at + count) * width)).size * size
      }
      expected += experts * (1 - (1 - width / experts) ** count) * size
    }
    bytes[count] = shared + woken / (text.length / count)
    even[count] = shared + expected
  }
  return { bytes, even }
}

function randomTokens(model, count) {
  const { vocabSize } = model.config
  return Int32Array.from({ length: count }, (_, i) => (Math.imul(i + 7, 0x9e3779b1) >>> 0) % vocabSize)
}
/** Reads a prompt and its answer as ids and prints how the answer's steps shrink, by lengths of match and draft. */
async function measureTexts([prompt, answer]) {
  const tokenizer = await loadTokenizer(values.tokenizer)
  const idsOf = async (path) => (path === '-' ? [] : tokenizer.encode(readFileSync(path, 'utf8')))
  const [before, after] = [await idsOf(prompt), await idsOf(answer)]
  console.log(`${answer} after ${prompt}: ${after.length} tokens after ${before.length}`)
  if (values.costs) console.log(`  as molm drafts: ${drafted(before, after)}`)
  for (const match of list(values.matches)) {
    const cells = list(values.drafts).map((draft) => {
      const { steps, drafted, right } = lookedUp([...before], after, match, draft)
      const share = ((100 * right) / Math.max(1, drafted)).toFixed(0)
      return `${draft}: ${(after.length / steps).toFixed(2)} a step, ${share} % of ${drafted} right`
    })
    console.log(`  match ${match}, draft ${cells.join('; ')}`)
  }
}

/** The same with drafts as molm makes them, for a machine whose steps of some tokens cost `--costs`. */
function drafted(before, answer) {
  const known = values.costs.split(',').map((each) => each.split(':').map(Number))
  const costOf = (tokens) => {
    const i = Math.max(
      1,
      known.findIndex(([count]) => count >= tokens),
    )
    const [[from, low], [to, high]] = [known[i - 1], known[i]]
    return low + ((high - low) * (tokens - from)) / (to - from)
  }
  const drafter = new Drafter(new StepCosts(costOf, { factor: 1 }), Number(values.most))
  drafter.addGiven(before)
  let [time, steps, count, right] = [0, 0, 0, 0]
  for (let at = 0; at < answer.length; ) {
    const draft = at === 0 ? [] : drafter.draft(answer.length - at - 1)
    let same = 0
    while (same < draft.length && draft[same] === answer[at + same]) same++
    for (const token of answer.slice(at, at + same + 1)) drafter.add(token)
    at += same + 1
    time += costOf(draft.length + 1)
    steps++
    count += draft.length
    right += same
  }
  const share = ((100 * right) / Math.max(1, count)).toFixed(0)
  return `x${(answer.length / time).toFixed(2)}, ${steps} steps, ${share} % of ${count} drafts right`
}

/** Steps of an answer whose drafts follow the latest earlier place of its last `match` tokens. */
function lookedUp(text, answer, match, draft) {
  const places = new Map()
  const keyAt = (end) => text.slice(end - match, end).join()
  for (let end = match; end < text.length; end++) places.set(keyAt(end), end)
  let [steps, drafted, right] = [0, 0, 0]
  for (let at = 0; at < answer.length; ) {
    const place = places.get(keyAt(text.length))
    const tokens = place === undefined ? [] : text.slice(place, place + draft)
    let same = 0
    while (same < tokens.length && at + same + 1 < answer.length && tokens[same] === answer[at + same]) same++
    steps++
    drafted += tokens.length
    right += same
    for (const token of answer.slice(at, at + same + 1)) {
      places.set(keyAt(text.length), text.length)
      text.push(token)
    }
    at += same + 1
  }
  return { steps, drafted, right }
}
