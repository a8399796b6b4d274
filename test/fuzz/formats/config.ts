import { describeModel } from '#molm/index.js'
import { jsonBomb } from '../bombs.js'
import type { Chance } from '../chance.js'
import { bytesOf, type Files, replaced, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmJson } from '../harm-json.js'
import { tinyCheckpoints } from '../tiny-checkpoints.js'

const CONFIG = 'config.json'

/** config.json next to its weights, read as `molm show` reads it. */
export const config: Format = {
  name: 'config',
  inputs: 3000,
  async prepare(dir) {
    const checkpoints = await tinyCheckpoints(dir)
    return {
      onDisk: true,
      sound: (chance) => chance.pick(checkpoints).files,
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

/** Keys whose numbers decide how much work a reader has. */
const SIZES = [
  ...['n_layer', 'n_att_experts', 'n_mlp_experts', 'num_labels', 'vocab_size', 'n_embd', 'k_mlp', 'ffd_hidden'],
  ...['num_hidden_layers', 'num_local_experts', 'num_experts', 'num_experts_per_tok', 'hidden_size', 'head_dim'],
  ...['num_attention_heads', 'num_key_value_heads', 'intermediate_size', 'moe_intermediate_size', 'sliding_window'],
  ...['max_position_embeddings', 'decoder_sparse_step', 'shared_intermediate_size', 'kv_channels'],
  ...['num_shared_experts', 'dense_intermediate_size', 'num_dense_layers', 'conv_L_cache', 'sliding_window_size'],
  ...['moe_k', 'moe_num_experts', 'moe_num_shared_experts', 'moe_layer_start_index', 'moe_layer_interval'],
  ...['moe_num_primary_experts', 'moe_num_active_primary_experts', 'moe_ffn_hidden_size'],
]

/** Damages the config.json of a folder. */
export function harmConfig(files: Files, chance: Chance): Files {
  if (chance.oneIn(300)) return replaced(files, CONFIG, jsonBomb(chance, CONFIG))
  const json: Record<string, unknown> = JSON.parse(new TextDecoder().decode(bytesOf(files, CONFIG)))
  const put = (key: string, what: string, value: unknown) => {
    chance.note(`${CONFIG}: ${key} = ${what}`)
    return replaced(files, CONFIG, utf8(JSON.stringify({ ...json, [key]: value })))
  }
  if (chance.oneIn(100)) {
    const count = 2 ** chance.between(8, 19)
    const layers = 2 ** chance.between(0, 12)
    json.num_hidden_layers = layers
    return put(chance.pick(Object.keys(json)), `${count} numbers, in ${layers} layers`, new Array(count).fill(9))
  }
  if (!chance.oneIn(5)) return replaced(files, CONFIG, harmJson(json, chance, CONFIG))
  const value = 2 ** chance.between(8, 24)
  const known = chance.oneIn(8) ? SIZES : SIZES.filter((key) => Object.hasOwn(json, key))
  return put(chance.pick(known), String(value), value)
}
