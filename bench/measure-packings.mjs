// Prints the table of docs/EVALUATION.md: the difference of nano's packings, and of mixtures of their formats, from its
// f32 weights. Run it after `npm run build`; it takes some minutes.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256Hex } from '../dist/ground/platform/checksums.js'
import { loadModel } from '../dist/index.js'
import { evaluateText, readText } from '../dist/lab/index.js'
import { withPacker } from '../dist/library/packing/with-packer.js'
import { localFolder, openCheckpoint } from '../dist/model/checkpoint/checkpoint.js'
import { layoutOf, parseConfig } from '../dist/model/families/index.js'
import { formatsFor } from '../dist/model/packing/format/formats.js'
import { packParts } from '../dist/model/packing/write/pack.js'
import { createPackedFile } from '../dist/model/packing/write/packed-file-writer.js'

const Q4 = formatsFor('q4')
const Q8 = formatsFor('q8')
const PACKINGS = {
  f32: formatsFor('f32'),
  q8: Q8,
  q4: Q4,
  'q4, head q8': { ...Q4, head: 'q8' },
  'q4, attention q8': { ...Q4, attention: 'q8' },
  'q4, mlp q8': { ...Q4, mlp: 'q8' },
  'q4, head and attention q8': { ...Q4, head: 'q8', attention: 'q8' },
  'q4, router f32': { ...Q4, router: 'f32' },
}
const DOMAINS = ['dialogue', 'novels', 'code', 'arithmetic']
/** Number of characters of each text, few enough to finish in minutes. */
const CHARACTERS = 6000

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const nano = path('models/nano')
const texts = await Promise.all(DOMAINS.map((domain) => readText(path(`test/fixtures/texts/${domain}.txt`))))
const dir = await mkdtemp(join(tmpdir(), 'molm-packings-'))
const exact = await loadModel('nano', { quant: 'f32' })
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
row(
  'packing',
  'bits per weight',
  'bytes per token',
  ...DOMAINS.map((domain) => `ppl ${domain}`),
  'KL',
  'same top token',
)
row(...Array(5 + DOMAINS.length).fill('---'))
try {
  for (const [name, formats] of Object.entries(PACKINGS)) await measure(name, await pack(formats))
} finally {
  await exact.dispose()
  await rm(dir, { recursive: true })
}

/** Packs nano with a mixture of formats. The folder has one packing at a time. */
async function pack(formats) {
  const out = await mkdtemp(join(dir, 'packing-'))
  const files = {}
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(nano, name), join(out, name))
    files[name] = sha256Hex(await readFile(join(nano, name)))
  }
  const checkpoint = await openCheckpoint(localFolder(nano))
  const layout = layoutOf(parseConfig(checkpoint.config, nano), formats)
  const file = await createPackedFile(join(out, 'model-q4.molm.safetensors'), layout, {
    quant: 'q4',
    formats,
    source: 'nano',
    files,
  })
  await withPacker(2, async (packer) => {
    for await (const { part, bytes } of packParts(layout, checkpoint.tensors, packer)) await file.write(part, bytes)
  })
  await file.finish()
  await checkpoint.close()
  return out
}

async function measure(name, folder) {
  const model = await loadModel(folder)
  const perplexities = []
  let scored = 0
  let divergence = 0
  let same = 0
  for (const { name, text } of texts) {
    const score = await evaluateText(model, { name, text: text.slice(0, CHARACTERS) }, { window: 256, against: exact })
    perplexities.push(score.perplexity.toFixed(3))
    scored += score.scored
    divergence += score.against.klDivergence * score.scored
    same += score.against.top1Agreement * score.scored
  }
  const { bytes, parameters, activeBytes } = model.info
  await model.dispose()
  const bits = ((8 * bytes) / parameters).toFixed(2)
  row(
    name,
    bits,
    activeBytes,
    ...perplexities,
    (divergence / scored).toFixed(4),
    `${((100 * same) / scored).toFixed(2)} %`,
  )
}
