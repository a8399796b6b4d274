// Prints the table of bench/LAB.md on gates: nano's perplexity without some experts, with gates from the softmax over
// the kept experts or over all. Run it after `npm run build`; it takes some minutes.
import { fileURLToPath } from 'node:url'
import { loadModel } from '../dist/index.js'
import { readText } from '../dist/lab/index.js'
import { perplexityOf, splitTexts } from '../dist/lab/surgery/held-out.js'
import { measureScores } from '../dist/lab/surgery/saliency.js'
import { maskOf, selectExperts } from '../dist/lab/surgery/selection.js'

const DOMAINS = ['dialogue', 'novels', 'code', 'arithmetic']
const SHARES = [0.75, 0.5, 0.25]

const fileOf = (domain) => fileURLToPath(new URL(`../test/fixtures/texts/${domain}.txt`, import.meta.url))
const { calibration, heldOut } = splitTexts(await Promise.all(DOMAINS.map((domain) => readText(fileOf(domain)))))
const model = await loadModel('nano', { quant: 'q8' })
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)

row('pruned', 'domain', 'whole', ...SHARES.map((share) => `${100 * share} % kept / all`))
row(...Array(3 + SHARES.length).fill('---'))
for (const only of ['mlp', 'attention']) {
  for (const [i, domain] of DOMAINS.entries()) {
    const tokens = model.tokenizer.encode(calibration[i].text)
    const scores = await measureScores(model, [tokens], { by: 'gate', window: model.config.trainedContext })
    const whole = await perplexityOf(model, [heldOut[i]])
    const cells = []
    for (const keep of SHARES) {
      const selection = selectExperts(scores, model.config, { keep, by: 'gate', only, budget: 'layer' })
      const measured = []
      for (const gates of ['kept', 'all']) {
        await model.maskExperts(maskOf(selection, model.config, gates))
        measured.push(await perplexityOf(model, [heldOut[i]]))
      }
      await model.maskExperts()
      const better = Math.min(...measured)
      cells.push(measured.map((value) => (value === better ? `**${shown(value)}**` : shown(value))).join(' / '))
    }
    row(only, domain, shown(whole), ...cells)
  }
}
await model.dispose()

function shown(perplexity) {
  return perplexity.toPrecision(4)
}
