// Which experts of nano bring back facts and sums, and whether a second half of them agrees. Run it after
// `npm run build`; two minutes.
import { loadModel } from '../dist/index.js'
import { RecordedRun } from '../dist/insight/interventions/recorded-run.js'
import { patchPrompts } from '../dist/lab/index.js'

const OPPOSITES =
  'hot-cold day-night up-down good-bad high-low dark-light hard-soft long-short fast-slow early-late young-old ' +
  'black-white left-right war-peace north-south east-west near-far begin-end thick-thin heavy-light true-false ' +
  'first-last strong-weak love-hate full-empty happy-sad'
const CAPITALS =
  'France-Paris Spain-Madrid Japan-Tokyo Egypt-Cairo Russia-Moscow China-Beijing ' +
  'Italy-Rome Germany-Berlin Norway-Oslo Cuba-Havana Peru-Lima India-New_Delhi Canada-Ottawa Chile-Santiago'

const KINDS = {
  opposites: OPPOSITES.split(' ').map((pair) => fact('opposite', ...pair.split('-'))),
  capitals: CAPITALS.split(' ').map((pair) => fact('capital', ...pair.replace('_', ' ').split('-'))),
  sums: Array.from({ length: 40 }, (_, i) => {
    const [a, b] = [10 + ((i * 37) % 45), 10 + ((i * 23) % 43)]
    return { prompt: `User: What is ${a} + ${b}?\nAssistant: ${a} + ${b} =`, answer: ` ${a + b}` }
  }),
}

function fact(what, of, answer) {
  return { prompt: `User: What is the ${what} of ${of}?\nAssistant: The ${what} of ${of} is`, answer: ` ${answer}` }
}

const model = await loadModel('nano')
const encode = (text) => model.tokenizer.encode(text, { addSpecialTokens: false })

/** Each fact of a half beside the next one with as many tokens. */
function pairsOf(facts, half) {
  const own = facts.filter((_, i) => i % 2 === half)
  return own.flatMap(({ prompt, answer }, i) => {
    const others = [...own.slice(i + 1), ...own.slice(0, i)]
    const other = others.find((one) => encode(one.prompt).length === encode(prompt).length && one.answer !== answer)
    return other ? [{ clean: encode(prompt), corrupt: encode(other.prompt), answer: encode(answer) }] : []
  })
}

/** Shares of the differences of all pairs together, by expert. */
async function sharesOf(pairs) {
  const gains = new Map()
  let whole = 0
  for (const { clean, corrupt, answer } of pairs) {
    const { logprobs, experts } = await patchPrompts(model, clean, corrupt, answer)
    whole += logprobs.clean - logprobs.corrupt
    for (const { layer, kind, expert, logprob } of experts) {
      const name = `${layer}:${kind}:${expert}`
      gains.set(name, (gains.get(name) ?? 0) + logprob - logprobs.corrupt)
    }
  }
  return { whole, shares: new Map([...gains].map(([name, gain]) => [name, gain / whole])) }
}

/** Share that experts bring back together. */
async function together(pairs, names) {
  let [whole, gain] = [0, 0]
  for (const { clean, corrupt, answer } of pairs) {
    const run = await RecordedRun.read(model, clean)
    const first = clean.findIndex((token, i) => token !== corrupt[i])
    const interventions = names.flatMap((name) => {
      const [layer, kind, expert] = name.split(':')
      const place = { layer: Number(layer), kind, expert: Number(expert) }
      return clean.flatMap((_, token) => (token < first ? [] : [run.expert(place, token)]))
    })
    const logprob = async (prompt, options) => {
      const session = model.createSession(options)
      const asked = { targets: answer, logits: 'none' }
      const { logprobs } = await session.forward([...prompt, ...answer.slice(0, -1)], asked)
      session.dispose()
      return logprobs.reduce((sum, one) => sum + one, 0)
    }
    const before = await logprob(corrupt)
    whole += (await logprob(clean)) - before
    gain += (await logprob(corrupt, { interventions })) - before
  }
  return gain / whole
}

const percent = (share) => `${(100 * share).toFixed(0)} %`
for (const [kind, facts] of Object.entries(KINDS)) {
  const halves = [pairsOf(facts, 0), pairsOf(facts, 1)]
  const [a, b] = [await sharesOf(halves[0]), await sharesOf(halves[1])]
  const ranked = [...a.shares].sort((x, y) => y[1] - x[1])
  const names = [...new Set([...a.shares.keys(), ...b.shares.keys()])]
  const of = (shares) => names.map((name) => shares.get(name) ?? 0)
  console.log(
    `\n${kind}: ${halves.map(({ length }) => length).join(' and ')} pairs, r = ${correlation(of(a.shares), of(b.shares)).toFixed(2)}`,
  )
  const rankIn = [...b.shares].sort((x, y) => y[1] - x[1]).map(([name]) => name)
  for (const [name, share] of ranked.slice(0, 6)) {
    console.log(
      `  ${name}  ${percent(share)}  second half ${percent(b.shares.get(name) ?? 0)}, rank ${rankIn.indexOf(name) + 1}`,
    )
  }
  for (const count of [3, 5, 8]) {
    const best = ranked.slice(0, count).map(([name]) => name)
    console.log(
      `  first ${count} together: ${percent(await together(halves[0], best))}, second half ${percent(await together(halves[1], best))}`,
    )
  }
  for (const [other, theirs] of Object.entries(KINDS)) {
    if (other === kind) continue
    const best = ranked.slice(0, 5).map(([name]) => name)
    console.log(`  first 5 together on ${other}: ${percent(await together(pairsOf(theirs, 1), best))}`)
  }
}
await model.dispose()

function correlation(x, y) {
  const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length
  const [mx, my] = [mean(x), mean(y)]
  const dot = (a, ma, c, mc) => a.reduce((sum, one, i) => sum + (one - ma) * (c[i] - mc), 0)
  return dot(x, mx, y, my) / Math.sqrt(dot(x, mx, x, mx) * dot(y, my, y, my))
}
