import { checkWeights } from '#molm/library/files/weights.js'
import { resolveModel } from '#molm/library/finding/resolve-model.js'
import { FAMILY_FILE } from '#molm/model/families/index.js'
import { jsonBomb } from '../bombs.js'
import { bytesOf, type Files, replaced, utf8 } from '../files.js'
import type { Format } from '../format.js'
import { harmJson } from '../harm-json.js'
import { tinyCheckpoints } from '../tiny-checkpoints.js'

const CONFIG = 'config.json'

const jsonOf = (files: Files, name: string) => JSON.parse(new TextDecoder().decode(bytesOf(files, name)))

/** A description of a family next to a checkpoint, whose names and shapes are compared as `molm show` compares them. */
export const family: Format = {
  name: 'family',
  inputs: 1500,
  async prepare(dir) {
    const all = (await tinyCheckpoints(dir)).map(({ files }) => files)
    // A description is of language models.
    const checkpoints = all.filter((files) => !/Classification/.test(String(jsonOf(files, CONFIG).architectures)))
    return {
      onDisk: true,
      sound: (chance) => withDescription(chance.pick(checkpoints)),
      harm: (files, chance) => {
        const bytes = chance.oneIn(300)
          ? jsonBomb(chance, FAMILY_FILE)
          : harmJson(jsonOf(files, FAMILY_FILE), chance, FAMILY_FILE)
        return replaced(files, FAMILY_FILE, bytes)
      },
      read: async ({ dir }) => checkWeights(await resolveModel(dir)),
    }
  },
}

/** The files with another name of the family and of its width, and rules that name the tensors as they are. */
function withDescription(files: Files): Files {
  const json = jsonOf(files, CONFIG)
  const { model_type: like, architectures: _, hidden_size: width, ...others } = json.text_config ?? json
  const own = { ...others, model_type: 'acme', ...(width !== undefined && { sizes: { width } }) }
  const renamed = json.text_config ? { ...json, text_config: own } : own
  const layer = 'model.layers.{layer}'
  const description = {
    ...{ model_type: 'acme', like, keys: width === undefined ? {} : { 'sizes.width': 'hidden_size' } },
    defaults: { tie_word_embeddings: others.tie_word_embeddings },
    tensors: {
      [`${layer}.mlp.experts.{expert}.{rest}`]: `${layer}.mlp.experts.{expert}.{rest}`,
      [`${layer}.{rest}`]: `${layer}.{rest}`,
    },
  }
  const written = replaced(files, CONFIG, utf8(JSON.stringify(renamed)))
  return replaced(written, FAMILY_FILE, utf8(JSON.stringify(description)))
}
