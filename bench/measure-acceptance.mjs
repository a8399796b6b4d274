// Prints the tables of bench/LAB.md and docs/EXPERTS.md on `molm prune --by acceptance`: expected acceptance and perplexity on
// held-out text after pruning by each score, and after a search. Run it after `npm run build`; it takes some minutes. An
// argument is the seconds of each search.
import { fileURLToPath } from 'node:url'
import { loadModel } from '../dist/index.js'
import { readText, SCORES } from '../dist/lab/index.js'
import { WholePredictions } from '../dist/lab/surgery/acceptance.js'
import { BudgetSearch } from '../dist/lab/surgery/budget-search.js'
import { perplexityOf, splitTexts } from '../dist/lab/surgery/held-out.js'
import { measureScores } from '../dist/lab/surgery/saliency.js'
import { keepShares, maskOf, selectExperts } from '../dist/lab/surgery/selection.js'

const [seconds = 90] = process.argv.slice(2).map(Number)
const DOMAINS = ['dialogue', 'novels', 'code', 'arithmetic']
const FIXTURES = ['31-olmoe-f32', '41-qwen3moe-f32']
const SHARES = [0.75, 0.5, 0.25]
/** Tokens of the texts for an ablation, which reads them once per expert. */
const ABLATED = 2048

const inTest = (path) => fileURLToPath(new URL(`../test/fixtures/${path}`, import.meta.url))
const texts = splitTexts(await Promise.all(DOMAINS.map((domain) => readText(inTest(`texts/${domain}.txt`)))))
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const nano = await loadModel('nano')
const [calibration, heldOut] = [texts.calibration, texts.heldOut].map((part) =>
  part.map(({ text }) => nano.tokenizer.encode(text, { addSpecialTokens: false })),
)

row('model', 'keep', 'budget', ...SCORES, 'search', 'ranked by', 'choices tried')
row(...Array(6 + SCORES.length).fill('---'))
await measure('nano', nano, calibration, heldOut, (mask) => perplexityWith(nano, mask))
await nano.dispose()
for (const fixture of FIXTURES) {
  const model = await loadModel(inTest(fixture), { threads: 1 })
  const fitted = (texts) =>
    texts.map((tokens) => tokens.slice(0, 2000).map((id) => 3 + (id % (model.config.vocabSize - 3))))
  await measure(fixture, model, fitted(calibration), fitted(heldOut))
  await model.dispose()
}

/** Prints a model's rows: acceptance on the held-out texts and, if it can be measured, the perplexity. */
async function measure(name, model, calibration, heldOut, perplexity) {
  const reading = { window: model.config.trainedContext || 1024 }
  const search = await BudgetSearch.on(model, calibration, reading)
  const ablated = calibration.map((tokens) => tokens.slice(0, ABLATED / calibration.length))
  const scores = {}
  for (const by of SCORES) {
    scores[by] = await measureScores(model, by === 'ablation' ? ablated : calibration, { by, ...reading })
  }
  const seen = await WholePredictions.read(model, calibration, { most: 1024 })
  const unseen = await WholePredictions.read(model, heldOut, { most: 8192 })
  const accepted = async (whole, mask) => whole.meanOf(await whole.acceptance(mask))
  const cell = async (mask) => {
    const share = (100 * (await accepted(unseen, mask))).toFixed(1)
    return perplexity ? `${share} (${(await perplexity(mask)).toPrecision(3)})` : share
  }
  const least = keepShares(model.config).at(-1)
  for (const keep of SHARES.map((share) => Math.max(share, least))) {
    let tried = 0
    const onMeasure = (_, measured) => {
      tried = measured
    }
    const found = await search.run({ keep, ms: 1000 * seconds, onMeasure })
    for (const budget of ['layer', 'model']) {
      const cells = []
      for (const by of SCORES) {
        const selection = selectExperts(scores[by], model.config, { by, budget, keep })
        const masks = ['kept', 'all'].map((gates) => maskOf(selection, model.config, gates))
        const [kept, all] = [await accepted(seen, masks[0]), await accepted(seen, masks[1])]
        cells.push(await cell(masks[kept >= all ? 0 : 1]))
      }
      const own =
        budget === 'layer'
          ? [await cell(maskOf(found.selection, model.config, found.gates)), found.order, tried]
          : ['', '', '']
      row(name, `${100 * keep} %`, budget, ...cells, ...own)
    }
  }
}

async function perplexityWith(model, mask) {
  await model.maskExperts(mask)
  const perplexity = await perplexityOf(model, texts.heldOut)
  await model.maskExperts()
  return perplexity
}
