// Prints the tables of docs/EXPERTS.md: a contrast of sums against words with nano, how often steering by it changes answers,
// and what that costs on other texts. The questions are not those of the contrast. Run it after `npm run build`; a minute.
import { fileURLToPath } from 'node:url'
import { loadModel, parseMask } from '../dist/index.js'
import {
  confirmedExperts,
  contrastExperts,
  evaluateText,
  pairsOfPrompts,
  readText,
  steering,
} from '../dist/lab/index.js'

const STRENGTHS = [-2, -1, -0.5, 0, 0.5, 1, 2]
const PAIRS = 60
const QUESTIONS = 100
const WORDS =
  'lantern violin dog cat river bridge bread chair clock cloud copper desk door dragon eagle engine feather fire flute forest garden glass gold hammer harbour hat honey horse house ice island jacket kettle king kite ladder lake lamp leaf letter lion map mirror moon mountain needle ocean owl paper pen piano pillow planet plate queen rain ring road rope rose sail salt ship shoe silver sky snow song spoon star stone storm sugar sun table tiger tower tree wall water wheel whale wind window wolf apple bee boat book bottle box butter cake candle car castle cave cheese coat cow crown cup drum ear egg farm field fish flower fox frog goat grass hand heart hill key knife milk mouse neck nest night nose onion'.split(
    ' ',
  )

const sum = (i) => [11 + ((i * 17) % 60), 1 + ((i * 29) % 30)]
const asked = (question) => `User: ${question}\nAssistant:`
const sumQuestion = (i) => `What is ${sum(i).join(' + ')}?`
const wordQuestion = (i) => `What is a ${WORDS[i % WORDS.length]}?`

const model = await loadModel('nano', { threads: 2 })
// Even numbers make the contrast, odd ones ask.
const prompts = Array.from({ length: PAIRS }, (_, i) => ({
  a: asked(sumQuestion(2 * i)),
  b: asked(wordQuestion(2 * i)),
}))
const contrast = await contrastExperts(model, await pairsOfPrompts(model, prompts))
const swapped = prompts.map(({ a }, i) => ({ a, b: prompts[(i + 31) % PAIRS].a }))
const nothing = await contrastExperts(model, await pairsOfPrompts(model, swapped))
const count = ({ experts }, state) => experts.filter((one) => one[state]).length
console.log(
  `found ${count(contrast, 'isFound')}, confirmed ${count(contrast, 'isConfirmed')} of ${contrast.experts.length} experts`,
)
console.log(`sums against other sums: found ${count(nothing, 'isFound')}, confirmed ${count(nothing, 'isConfirmed')}`)
for (const { layer, kind, expert, rates, rate } of confirmedExperts(contrast).slice(0, 5)) {
  const [a, b, mean, error] = [...rates, rate.mean, rate.error].map((share) => (100 * share).toFixed(1))
  console.log(
    `layer ${layer} ${kind} expert ${expert}: ${a} % of the tokens of sums, ${b} % of words, ${mean} ± ${error}`,
  )
}

const { experts } = steering(contrast, 1)
const texts = await Promise.all(
  ['dialogue', 'novels', 'code', 'arithmetic', 'dictionary', 'speeches'].map((name) =>
    readText(fileURLToPath(new URL(`../test/fixtures/texts/${name}.txt`, import.meta.url))),
  ),
)
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
row(
  'strength',
  'right sums',
  'sums answered as sums',
  'words answered as words',
  ...texts.map(({ name }) => name.split('/').at(-1).replace('.txt', '')),
)
row(...Array(4 + texts.length).fill('---'))
for (const strength of STRENGTHS) {
  const specs = experts.map((spec) => spec.replace(/=(.*)$/, (_, push) => `=${Number(push) * strength}`))
  const mask = strength === 0 ? undefined : parseMask(specs, model.config)
  const tallies = { right: 0, sums: 0, words: 0 }
  for (let i = 0; i < QUESTIONS; i++) {
    const [left, right] = sum(2 * i + 1)
    const ofSum = await answer(sumQuestion(2 * i + 1), mask)
    if (/^\d+ [-+*/] \d+ = \d/.test(ofSum)) tallies.sums++
    if (ofSum.startsWith(`${left} + ${right} = ${left + right}`)) tallies.right++
    if (/^(an?|the) .* is /i.test(await answer(wordQuestion(2 * i + 1), mask))) tallies.words++
  }
  await model.maskExperts(mask)
  const perplexities = []
  for (const text of texts) perplexities.push((await evaluateText(model, text, { window: 256 })).perplexity)
  await model.maskExperts()
  const share = (n) => `${n} ± ${(100 * Math.sqrt(((n / QUESTIONS) * (1 - n / QUESTIONS)) / QUESTIONS)).toFixed(0)} %`
  row(
    strength,
    share(tallies.right),
    share(tallies.sums),
    share(tallies.words),
    ...perplexities.map((value) => value.toPrecision(3)),
  )
}
await model.dispose()

async function answer(question, mask) {
  const session = model.createSession({ mask })
  const ids = model.tokenizer.encode(asked(question))
  let text = ''
  for await (const step of session.generate(ids, { temperature: 0, maxTokens: 24, stop: ['\n'] })) text += step.text
  session.dispose()
  return text.trim()
}
