// Writes a synthetic trace of a published shape, as a table of molm's, for `molm trace replay`:
//
//   node bench/make-trace.mjs SHAPE OUT.csv [--tokens 512] [--texts 4] [--even] [--seed 1]
//
// Experts are the k largest of a sum of normal numbers: what a text prefers, what drifts from token to token, what a word
// of the text prefers, and chance. Their sizes are fitted to the hits that traces of Qwen3-30B-A3B had with a place for
// 8, 16, 32 and 64 experts in each layer (github.com/gajsanders/moe-trace, finding 007: 25 prompts, 3,225 generated
// tokens; LRU 42.4, 64.7, 81.0 and 91.8 %, LFU 61.5, 79.5 and 91.7 %, the optimum 78.4, 88.8 and 92.9 % from 16 on). This
// generator gives LRU 43.6, 66.0, 82.0 and 90.2 %, LFU 62.7, 79.0 and 90.3 %, the optimum 77.5, 88.4 and 91.6 %. With
// --even all experts are as likely at all times, as they are with random weights.
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { publishedShape } from '../dist/model/families/published-shapes.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '512' },
    texts: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    even: { type: 'boolean', default: false },
  },
})
const [shape, path] = positionals
if (!path) throw new Error('usage: node bench/make-trace.mjs SHAPE OUT.csv [--tokens 512] [--texts 4] [--even]')
const [tokens, texts] = [Number(values.tokens), Number(values.texts)]
const OF_TEXT = 2.556
const DRIFTING = 2.612
/** Share of the drifting part that stays from one token to the next. */
const KEPT = 0.9331
const OF_WORD = 1.765
/** Words of a text; those with small numbers are the more frequent. */
const WORDS = 40
const SKEW = 1.437
/** Share of experts that are chosen evenly. */
const AT_RANDOM = 0.0069

let state = Number(values.seed)
/** mulberry32. */
function uniform() {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
const normals = (count) => Float64Array.from({ length: count }, normal)

/** Yields the experts of each token of a text in one layer. */
function* layerOf(experts, k, words) {
  const liked = normals(experts)
  const ofWord = Array.from({ length: WORDS }, () => normals(experts))
  let drift = normals(experts)
  for (const word of words) {
    drift = drift.map((x) => KEPT * x + Math.sqrt(1 - KEPT ** 2) * normal())
    const score = drift.map(
      (x, e) => (values.even ? 0 : OF_TEXT * liked[e] + DRIFTING * x + OF_WORD * ofWord[word][e]) + normal(),
    )
    const best = Array.from(score.keys()).sort((a, b) => score[b] - score[a])
    const chosen = new Set()
    for (let i = 0; chosen.size < k; i++) chosen.add(uniform() < AT_RANDOM ? Math.floor(experts * uniform()) : best[i])
    yield [...chosen]
  }
}

const { experts: counts, topK } = publishedShape(shape).mixtures.find(({ kind }) => kind === 'mlp')
/** Rows of each token, layer by layer. */
const rows = Array.from({ length: texts * tokens }, () => [])
for (let text = 0; text < texts; text++) {
  const words = Array.from({ length: tokens }, () => Math.floor(WORDS * uniform() ** SKEW))
  for (const [layer, experts] of counts.entries()) {
    if (experts === 0) continue
    let index = text * tokens
    for (const chosen of layerOf(experts, topK, words)) {
      rows[index].push(...chosen.map((expert, rank) => `${index},0,,${layer},mlp,${rank},${expert},\n`))
      index++
    }
  }
}
await writeFile(path, ['index,token,text,layer,kind,rank,expert,gate\n', ...rows.flat()])
