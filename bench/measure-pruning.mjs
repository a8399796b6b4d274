// Prints the tables of bench/LAB.md and docs/EXPERTS.md: nano's loss on each domain after pruning for one of them, and a
// summary. Run it after `npm run build`; it takes some minutes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../dist/index.js'
import { pruneModel, readText, SCORES } from '../dist/lab/index.js'
import { perplexityOf, splitTexts } from '../dist/lab/surgery/held-out.js'
import { measureScores } from '../dist/lab/surgery/saliency.js'
import { maskOf, selectExperts } from '../dist/lab/surgery/selection.js'

const DOMAINS = ['dialogue', 'novels', 'code', 'arithmetic']
const SHARES = [0.75, 0.5, 0.25]
/** Number of characters at the end of a calibration text that decide on the gates. */
const GATE_TEXT = 6000

const fileOf = (domain) => fileURLToPath(new URL(`../test/fixtures/texts/${domain}.txt`, import.meta.url))
const texts = await Promise.all(DOMAINS.map((domain) => readText(fileOf(domain))))
const { calibration, heldOut } = splitTexts(texts)
const model = await loadModel('nano')
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const measureAll = () => inOrder(heldOut, async (text) => (await perplexityOf(model, [text])).toFixed(2))

row('calibrated on', 'keep', 'by', 'gates', ...DOMAINS)
row(...Array(4 + DOMAINS.length).fill('---'))
const whole = await measureAll()
row('', '100 %', '', '', ...whole)
/** Perplexity of each domain after pruning for itself by the default score, for each share. */
const own = whole.map((perplexity) => [perplexity])
for (const [i, domain] of DOMAINS.entries()) {
  const tokens = model.tokenizer.encode(calibration[i].text)
  const scores = {}
  const window = model.config.trainedContext
  for (const by of SCORES) scores[by] = await measureScores(model, [tokens], { by, only: 'mlp', window })
  for (const keep of SHARES) {
    for (const by of SCORES) {
      const selection = selectExperts(scores[by], model.config, { keep, by, only: 'mlp', budget: 'layer' })
      const gates = await betterGates(selection, { ...calibration[i], text: calibration[i].text.slice(-GATE_TEXT) })
      await model.maskExperts(maskOf(selection, model.config, gates))
      const measured = await measureAll()
      if (by === SCORES[0]) own[i].push(measured[i])
      measured[i] = `**${measured[i]}**`
      row(domain, `${100 * keep} %`, by, gates, ...measured)
      await model.maskExperts()
    }
  }
}
await model.dispose()

console.log()
row('calibrated and measured on', ...[1, ...SHARES].map((share) => `${100 * share} % kept`))
row(...Array(2 + SHARES.length).fill('---'))
for (const [i, domain] of DOMAINS.entries()) row(domain, ...own[i])

console.log()
row('keep', 'weights, bytes', 'decode, tokens/s')
row('---', '---', '---')
const dir = await mkdtemp(join(tmpdir(), 'molm-pruning-'))
try {
  for (const keep of [1, ...SHARES]) {
    const options = { calibrate: [texts[0]], keep, only: 'mlp', gates: 'all' }
    const { bytes, decodeTokensPerSecond } = await pruneModel('nano', join(dir, String(keep)), options)
    row(`${100 * keep} %`, bytes.after, decodeTokensPerSecond.after.toFixed(0))
  }
} finally {
  await rm(dir, { recursive: true })
}

async function betterGates(selection, text) {
  const [kept, all] = await inOrder(['kept', 'all'], async (gates) => {
    await model.maskExperts(maskOf(selection, model.config, gates))
    return perplexityOf(model, [text])
  })
  return kept <= all ? 'kept' : 'all'
}

async function inOrder(items, work) {
  const results = []
  for (const item of items) results.push(await work(item))
  return results
}
