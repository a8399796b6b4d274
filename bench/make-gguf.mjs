// Writes a GGUF file of a published shape with random weights, to compare llama.cpp with molm.
//
//   node bench/make-gguf.mjs SHAPE OUT.gguf [--experts Q4_0|MXFP4]
//
// SHAPE: one of `molm bench --shape`, of a family that llama.cpp has. Matrices are Q4_0 (4.5 bits per weight, like molm's
// q4); norms and routers are F32. --experts: format of the experts; by default MXFP4 (4.25 bits) if the model is
// published in it, as gpt-oss is.
import { parseArgs } from 'node:util'
import { publishedFormats } from '../dist/model/families/index.js'
import { publishedShape } from '../dist/model/families/published-shapes.js'
import { FORMATS, Metadata, writeFile } from './gguf-file.mjs'
import { architectureOf, describe, tensorsOf } from './gguf-models.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { experts: { type: 'string' } },
})
const usage = 'usage: node bench/make-gguf.mjs SHAPE OUT.gguf [--experts Q4_0|MXFP4]'
const [shape, out] = positionals
if (!shape || !out) throw new Error(usage)
const config = publishedShape(shape)
const isMxfp4 = publishedFormats(config, 'q4').mlp === 'mxfp4'
const experts = FORMATS[values.experts ?? (isMxfp4 ? 'MXFP4' : 'Q4_0')]
if (!experts?.scale) throw new Error(usage)
const metadata = new Metadata()
metadata.string('general.architecture', architectureOf(config))
metadata.string('general.name', `random ${shape}`)
metadata.integer('general.file_type', experts === FORMATS.MXFP4 ? 38 : 2)
metadata.integer('general.quantization_version', 2)
describe(config, metadata)
addVocabulary(metadata, config.vocabSize)
const bytes = writeFile(out, metadata, tensorsOf(config, experts))
console.log(`${out}: ${(bytes / 1e9).toFixed(2)} GB`)

/** A byte-level vocabulary: 256 bytes, meaningless words, and a token of the end. */
function addVocabulary(metadata, size) {
  const printable = [...Array(256).keys()].filter((b) => (b > 32 && b < 127) || (b > 160 && b !== 173))
  const bytes = [...printable, ...Array.from({ length: 256 - printable.length }, (_, i) => 256 + i)]
  // The first one is what the merge makes.
  const words = Array.from({ length: size - 257 }, (_, i) => `Ġt${i || ''}`)
  metadata.string('tokenizer.ggml.model', 'gpt2')
  metadata.string('tokenizer.ggml.pre', 'gpt-2')
  metadata.strings('tokenizer.ggml.tokens', [...bytes.map((code) => String.fromCodePoint(code)), ...words, '<|end|>'])
  const [normal, control] = [1, 3]
  metadata.integers(
    'tokenizer.ggml.token_type',
    Array.from({ length: size }, (_, i) => (i === size - 1 ? control : normal)),
  )
  metadata.strings('tokenizer.ggml.merges', ['Ġ t'])
  metadata.integer('tokenizer.ggml.bos_token_id', size - 1)
  metadata.integer('tokenizer.ggml.eos_token_id', size - 1)
}
