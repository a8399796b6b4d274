// Prints the table of docs/EVALUATION.md: how far q4 is from f32 without and with a calibration. The texts are not those
// of the calibration. Run it after `npm run build`; it takes some minutes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { convertModel, evaluateText, loadModel, readText } from '../dist/index.js'

const DOMAINS = ['dialogue', 'novels', 'code', 'arithmetic', 'dictionary', 'speeches']
/** Checkpoints of the tests that have a tokenizer: random weights in the shapes of several families. */
const FIXTURES = ['01-base-bin-f32', '21-granitemoe-f32', '31-olmoe-f32', '41-qwen3moe-f32', '45-qwen2moe-f32']

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
      await measure(path(`test/fixtures/${fixture}`), words, ways[words]).catch(({ message }) => row(fixture, message))
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
  const perplexity = (nll) => Math.exp(nll / sums.scored).toFixed(3)
  const share = `${((100 * sums.same) / sums.scored).toFixed(2)} %`
  const divergence = (sums.divergence / sums.scored).toPrecision(3)
  row(model.split('/').at(-1), words, divergence, perplexity(sums.nll), perplexity(sums.exact), share)
}
