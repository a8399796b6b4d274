// Draws a gallery of pages for a release: texts as nano routes them, two texts side by side, and a model whose routers
// were never trained. Each page is a single file. Needs `npm run build` and the compiled tests (test/tsconfig.json).
//   node scripts/draw-gallery.mjs [FOLDER]      default: build/gallery
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRandomCheckpoint } from '../build/test/support/synthetic-checkpoint.js'
import { loadAtlas, loadModel, measureUsage } from '../dist/index.js'
import { awakeIn } from '../dist/insight/usage/awake.js'
import { drawUsage, renderHtml } from '../dist/pictures.js'

const FOLDER = process.argv[2] ?? 'build/gallery'
const TEXTS = 'test/fixtures/texts'

/** Characters of a text, so that a page stays light. */
const MOST = { alone: 1400, sums: 750, beside: 520, random: 260 }

/** Keys of Granite 3.1's shape with 24 layers of 32 experts, 8 for a token, as narrow as they can be. */
const GRANITE = {
  model_type: 'granitemoe',
  hidden_size: 64,
  intermediate_size: 32,
  num_hidden_layers: 24,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  num_local_experts: 32,
  num_experts_per_tok: 8,
}

const PROSE = { name: 'Moby-Dick', file: 'examples/prose.txt' }
const CODE = { name: 'JavaScript', file: 'examples/code.js' }
const PAGES = [
  { page: 'prose', title: 'A page of Moby-Dick', texts: [PROSE] },
  { page: 'code', title: 'A class in JavaScript', texts: [CODE] },
  {
    page: 'arithmetic',
    title: 'Small sums',
    texts: [{ name: 'sums', file: `${TEXTS}/arithmetic.txt` }],
    most: MOST.sums,
  },
  { page: 'dialogue', title: 'Questions and answers', texts: [{ name: 'dialogue', file: `${TEXTS}/dialogue.txt` }] },
  { page: 'prose-and-code', title: 'Prose and code side by side', texts: [PROSE, CODE], most: MOST.beside },
]

mkdirSync(FOLDER, { recursive: true })
const nano = await loadModel('nano')
const entries = []
for (const page of PAGES) entries.push(await draw(nano, page))
const trained = await committeeShare(nano, PROSE)
await nano.dispose()
entries.push(await drawRandom(trained))
writeFileSync(join(FOLDER, 'index.html'), indexOf(entries))

/** Writes a page of some texts, and returns its entry in the index. */
async function draw(model, { page, title, texts, most = MOST.alone, lead = '' }) {
  const atlas = await loadAtlas(model)
  const read = []
  for (const { name, file } of texts) {
    const text = beginning(readFileSync(file, 'utf8'), most)
    read.push(await measureUsage(model, { name, text }, { surprise: true }))
  }
  const figure = drawUsage(read, { atlas, title })
  figure.caption.unshift(`${model.name} (${model.info.quant})`)
  if (lead) figure.sentences.unshift(lead)
  writeFileSync(join(FOLDER, `${page}.html`), renderHtml(figure))
  return { page, title, sentences: figure.sentences }
}

/** Share of the experts, the busiest ones, that do half of the work on the beginning of a text. */
async function committeeShare(model, { name, file }) {
  const text = beginning(readFileSync(file, 'utf8'), MOST.random)
  const { experts, committee } = awakeIn((await measureUsage(model, { name, text })).usage)
  return Math.round((100 * committee) / experts)
}

/** Draws Granite's shape with random weights; `trained` is nano's share of experts that do half of the work. */
async function drawRandom(trained) {
  const folder = join(mkdtempSync(join(tmpdir(), 'molm-gallery-')), 'random-weights')
  mkdirSync(folder)
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
    copyFileSync(join('models/nano', name), join(folder, name))
  }
  const { vocab_size } = JSON.parse(readFileSync('models/nano/config.json', 'utf8'))
  await writeRandomCheckpoint(folder, { ...GRANITE, vocab_size })
  const model = await loadModel(folder)
  try {
    const title = 'A model without training: 24 layers of 32 experts with random weights'
    const random = await committeeShare(model, PROSE)
    const lead = `These routers were never trained: ${random} % of the experts do half of the work; in nano it is ${trained} % on the same text. A word wakes the same experts each time, but no expert has learnt a subject.`
    return await draw(model, { page: 'without-training', title, lead, texts: [PROSE], most: MOST.random })
  } finally {
    await model.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The whole lines or sentences of a text that fit, else the words. */
function beginning(text, most) {
  const end = Math.max(text.lastIndexOf('\n', most), text.lastIndexOf('. ', most))
  return text.slice(0, end > 0 ? end + 1 : text.lastIndexOf(' ', most))
}

function indexOf(pages) {
  const items = pages.map(({ page, title, sentences }) => {
    return `<li><a href="${page}.html">${escaped(title)}</a><br>${sentences.map(escaped).join('<br>')}</li>`
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Experts at work</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 ui-sans-serif, system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
li { margin: 1rem 0 }
</style>
<h1>Experts at work</h1>
<p>Texts as a small mixture of experts reads them. On each page the text is coloured by the expert that did most for each
token; point at a token or an expert, and choose other colours above the text. <code>molm experts --file TEXT -o
page.html</code> makes such a page of your own text.</p>
<ul>
${items.join('\n')}
</ul>
</html>
`
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
