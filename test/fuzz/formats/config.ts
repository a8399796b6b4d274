import { describeModel } from '#molm/index.js'
import { jsonBomb } from '../bombs.js'
import type { Chance } from '../chance.js'
import { bytesOf, type Files, replaced, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmJson } from '../harm-json.js'
import { tinyCheckpoints } from '../tiny-checkpoints.js'

const CONFIG = 'config.json'

/** config.json beside its weights, read as `molm show` does. */
export const config: Format = {
  name: 'config',
  inputs: 3000,
  async prepare(dir) {
    const checkpoints = await tinyCheckpoints(dir)
    return {
      onDisk: true,
      sound: (chance) => chance.pick(checkpoints),
      harm: harmConfig,
      async read({ dir }) {
        const { parameters, activeParameters, bytes } = await describeModel(dir)
        const counts = [parameters, activeParameters, bytes]
        expect(
          counts.every((n) => Number.isFinite(n) && n > 0),
          `parameters, active ones and bytes are ${counts}`,
        )
      },
    }
  },
}

/** Numbers that are far too large, in each of the places where they make a reader work. */
const SIZES = ['n_layer', 'n_att_experts', 'n_mlp_experts', 'num_labels', 'vocab_size', 'n_embd', 'k_mlp', 'ffd_hidden']

/** A folder with something wrong in its config.json. */
export function harmConfig(files: Files, chance: Chance): Files {
  if (chance.oneIn(300)) return replaced(files, CONFIG, jsonBomb(chance, CONFIG))
  const json: Record<string, unknown> = JSON.parse(new TextDecoder().decode(bytesOf(files, CONFIG)))
  if (!chance.oneIn(5)) return replaced(files, CONFIG, harmJson(json, chance, CONFIG))
  const [key, value] = [chance.pick(SIZES), 2 ** chance.between(8, 24)]
  chance.note(`${CONFIG}: ${key} = ${value}`)
  return replaced(files, CONFIG, utf8(JSON.stringify({ ...json, [key]: value })))
}
