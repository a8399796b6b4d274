import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '#molm/ground/errors.js'
import type { ByteSource, FileSet } from '#molm/ground/files/byte-source.js'
import { elementCount, span } from '#molm/model/checkpoint/tensor.js'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { ggufBlueprint } from '#molm/model/gguf/blueprint.js'
import { ggufConfig } from '#molm/model/gguf/config/config.js'
import { openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { ggufTexts } from '#molm/model/gguf/tokenizer/texts.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { planLayout } from '#molm/model/packing/format/layout.js'
import { checkTensors } from '#molm/model/packing/write/check-tensors.js'
import { packParts } from '#molm/model/packing/write/pack.js'
import { FAMILY_FIXTURES } from '../../support/fixtures.js'
import { type GgufModel, ggufFiles, ggufModelOf, TYPE_NUMBERS, type TypeName } from '../../support/gguf-model.js'
import { ggufFile } from '../../support/gguf-writer.js'
import { bytesSource } from '../../support/memory-files.js'
import { referencePack } from '../../support/reference-pack.js'
import { writeRandomCheckpoint } from '../../support/synthetic-checkpoint.js'
import type { Chance } from '../chance.js'
import { checkTensors as readTensors } from '../check-tensors.js'
import { bytesOf, type Files, replaced } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmGguf, harmSplit } from '../harm-gguf.js'
import { tinyFixture } from '../tiny-checkpoints.js'

/** Formats that the plain packer of the tests writes. */
const FORMATS = formatsFor('f32', 'floats')

/** GGUF files, whole and split: opened, understood as a config, texts and pieces, and packed. */
export const gguf: Format = {
  name: 'gguf',
  inputs: 800,
  async prepare(dir) {
    const models = await tinyModels(dir)
    return {
      sound(chance) {
        const parts = chance.oneIn(3) ? 2 : 1
        return ggufFiles(chance.pick(models), 'model', { parts, emptyFirst: chance.oneIn(2) })
      },

      harm(files, chance) {
        const names = [...files.keys()]
        if (chance.oneIn(3)) {
          const name = chance.pick(names)
          return replaced(files, name, harmBytes(bytesOf(files, name), chance, name))
        }
        if (names.length === 1) {
          const { metadata, tensors } = harmGguf(chance.pick(models), chance)
          return new Map([['model.gguf', ggufFile(metadata, tensors)]])
        }
        return harmParts(files, chance.pick(models), chance)
      },

      read: ({ files }) => readGguf(files),
    }
  },
}

/** Small models of all families that GGUF files hold, and one with blocks of each type. */
async function tinyModels(dir: string): Promise<GgufModel[]> {
  const models: GgufModel[] = []
  const types = Object.keys(TYPE_NUMBERS) as TypeName[]
  for (const name of FAMILY_FIXTURES) {
    if (!SAYABLE.test(name)) continue
    const { dir: folder } = await tinyFixture(dir, name)
    models.push(await ggufModelOf(folder))
  }
  const wide = join(dir, 'wide')
  mkdirSync(wide)
  await writeRandomCheckpoint(wide, WIDE)
  let next = 0
  models.push(await ggufModelOf(wide, { typeOf: () => types[next++ % types.length] }))
  return models
}

/** Rows of 32 elements, whole blocks of most types. */
const WIDE = {
  ...{ model_type: 'olmoe', vocab_size: 24, hidden_size: 32, intermediate_size: 32, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, num_key_value_heads: 2, num_experts: 2, num_experts_per_tok: 1 },
  ...{ norm_topk_prob: false, max_position_embeddings: 64, bos_token_id: 22, eos_token_id: 23 },
}

/** Fixtures whose config.json says nothing that a GGUF file cannot say. */
const SAYABLE = /^(21|22|23|31|44|45|51|71|72|81|101|151)-/

function harmParts(files: Files, { metadata, tensors }: GgufModel, chance: Chance): Files {
  const [first, second] = files.keys()
  switch (chance.below(4)) {
    case 0:
      chance.note('a part is missing')
      return replaced(files, chance.pick([first, second]), undefined)
    case 1:
      chance.note('both parts are the same')
      return replaced(files, first, bytesOf(files, second))
    case 2: {
      chance.note('a part has all tensors')
      return replaced(files, second, ggufFile(metadata, tensors))
    }
    default: {
      const split = harmSplit(
        [
          ['split.no', { type: 'u16', value: 1 }],
          ['split.count', { type: 'u16', value: 2 }],
          ['split.tensors.count', { type: 'i32', value: tensors.length }],
        ],
        chance,
      )
      return replaced(files, second, ggufFile(split, tensors.slice(0, 2)))
    }
  }
}

async function readGguf(files: Files): Promise<void> {
  const set = filesInMemory(files)
  const [name] = await set.list()
  const file = await openGguf(set, name)
  try {
    await readTensors(file.tensors.values())
    for (const tensor of file.tensors.values()) {
      const { start, end } = span(tensor)
      expect(
        elementCount(tensor.shape) === 0 || (start >= 0 && end <= tensor.source.size),
        `${tensor.name} leaves its file`,
      )
    }
    const texts = ggufTexts(file)
    for (const text of Object.values(texts)) JSON.parse(text)
    const config = parseConfig(ggufConfig(file), file.name)
    const blueprint = ggufBlueprint(blueprintOf(config), file)
    checkTensors(blueprint, file.tensors, file.name, FORMATS)
    for await (const _ of packParts(planLayout(blueprint, FORMATS), file.tensors, referencePack)) {
    }
  } finally {
    await file.close()
  }
}

/** The files of an input as a set; a read outside one of them is an ordinary error. */
function filesInMemory(files: Files): FileSet {
  return {
    name: 'memory',
    list: async () => [...files.keys()],
    async open(name): Promise<ByteSource> {
      if (!files.has(name)) throw new UserError(`memory: no file ${name}`)
      return bytesSource(bytesOf(files, name), name)
    },
  }
}
