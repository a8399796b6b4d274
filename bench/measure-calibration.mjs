// Prints the table of docs/EVALUATION.md: how far q4 is from f32 without and with a calibration. The texts are not those
// of the calibration. Run it after `npm run build`; it takes some minutes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { convertModel, loadModel } from '../dist/index.js'
import { evaluateText, readText } from '../dist/lab/index.js'

const DOMAINS = ['dialogue', 'novels', 'code', 'arithmetic', 'dictionary', 'speeches']
/** Checkpoints of the tests: random weights in the shapes of several families. */
const FIXTURES = ['21-granitemoe-f32', '31-olmoe-f32', '41-qwen3moe-f32', '61-jetmoe-f32', '81-lfm2moe-f32']
/** Sequences that a model without a tokenizer writes to be measured on, and their tokens. */
const SEQUENCES = 8
const WINDOW = 256

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const texts = await Promise.all(DOMAINS.map((domain) => readText(path(`test/fixtures/texts/${domain}.txt`))))
/** Second halves of the texts measure; first halves may calibrate. */
const halves = (which) =>
  texts.map(({ name, text }) => ({
    name,
    text: text.slice(...(which === 0 ? [0, text.length / 2] : [text.length / 2])),
  }))
const dir = await mkdtemp(join(tmpdir(), 'molm-calibration-'))
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
row('model', 'calibrated with', 'KL', 'perplexity', 'perplexity in f32', 'same top token')
row(...Array(6).fill('---'))
try {
  const ways = { nothing: undefined, 'its own text': true, 'first halves of the texts': halves(0) }
  for (const [words, calibrate] of Object.entries(ways)) await measure('nano', words, calibrate)
  for (const fixture of FIXTURES)
    for (const words of ['nothing', 'its own text'])
      await measureOnOwnText(path(`test/fixtures/${fixture}`), words, ways[words])
} finally {
  await rm(dir, { recursive: true })
}

async function measure(model, words, calibrate) {
  const folder = await mkdtemp(join(dir, 'packed-'))
  await convertModel(model, folder, calibrate ? { calibrate } : {})
  const [exact, packed] = [await loadModel(model, { quant: 'f32' }), await loadModel(folder)]
  const sums = { scored: 0, nll: 0, exact: 0, divergence: 0, same: 0 }
  for (const text of halves(1)) {
    const { scored, nll, against } = await evaluateText(packed, text, { window: 256, against: exact })
    sums.exact += (await evaluateText(exact, text, { window: 256 })).nll
    sums.scored += scored
    sums.nll += nll
    sums.divergence += against.klDivergence * scored
    sums.same += against.top1Agreement * scored
  }
  await Promise.all([exact.dispose(), packed.dispose()])
  print(model, words, sums)
}

/** Measures on other text that the model writes in f32. */
async function measureOnOwnText(model, words, calibrate) {
  const folder = await mkdtemp(join(dir, 'packed-'))
  await convertModel(model, folder, calibrate ? { calibrate } : {})
  const [exact, packed] = [await loadModel(model, { quant: 'f32' }), await loadModel(folder)]
  const { vocabSize } = exact.config
  const sums = { scored: 0, nll: 0, exact: 0, divergence: 0, same: 0 }
  for (let seed = 1; seed <= SEQUENCES; seed++) {
    const tokens = [(seed * 37) % vocabSize]
    const session = exact.createSession()
    const options = {
      maxTokens: WINDOW - 1,
      temperature: 1,
      topK: 0,
      topP: 1,
      seed: 1e6 + seed,
      ignoreEos: true,
      stop: [],
    }
    for await (const { token } of session.generate([...tokens], options)) tokens.push(token)
    session.dispose()
    const rows = await Promise.all(
      [exact, packed].map((each) => each.createSession().forward(tokens, { logits: 'all' })),
    )
    for (let i = 0; i + 1 < tokens.length; i++) {
      const [p, q] = rows.map(({ logits }) => logProbabilities(logits.subarray(i * vocabSize, (i + 1) * vocabSize)))
      sums.scored++
      sums.exact -= p[tokens[i + 1]]
      sums.nll -= q[tokens[i + 1]]
      sums.divergence += p.reduce((sum, value, id) => sum + Math.exp(value) * (value - q[id]), 0)
      sums.same += p.indexOf(Math.max(...p)) === q.indexOf(Math.max(...q)) ? 1 : 0
    }
  }
  await Promise.all([exact.dispose(), packed.dispose()])
  print(model, words, sums)
}

function logProbabilities(logits) {
  const most = logits.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const norm = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0))
  return Array.from(logits, (logit) => logit - norm)
}

function print(model, words, sums) {
  const perplexity = (nll) => Math.exp(nll / sums.scored).toFixed(3)
  const share = `${((100 * sums.same) / sums.scored).toFixed(2)} %`
  const divergence = (sums.divergence / sums.scored).toPrecision(3)
  row(model.split('/').at(-1), words, divergence, perplexity(sums.nll), perplexity(sums.exact), share)
}
