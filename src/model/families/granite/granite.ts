import type { ConfigReader } from '../../config/config-reader.js'
import type { PartFormats } from '../../packing/format/formats.js'
import type { Part } from '../../packing/format/layout.js'
import { expertOf, type PlannedPiece, rowsOf, whole } from '../../packing/format/pieces.js'
import type { Architecture } from '../shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  hasExperts,
  type RopesOf,
  refuseOtherHeadSize,
} from '../shared/decoder-config.js'
import { DECODER } from '../shared/decoder-family.js'
import { attentionPieces, decoderParts, gatedPieces, normPieces, routerPieces } from '../shared/decoder-parts.js'

export interface GraniteConfig extends DecoderConfig {
  /** Factor of a sublayer's output. */
  residualScale: number
}

/** Values of absent keys that all of IBM's Granite mixtures share. */
export const GRANITE_DEFAULTS = {
  vocab_size: 32000,
  hidden_size: 4096,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  intermediate_size: 11008,
  num_local_experts: 8,
  num_experts_per_tok: 2,
  embedding_multiplier: 1,
  residual_multiplier: 1,
  attention_multiplier: 1,
  logits_scaling: 1,
  attention_bias: false,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  hidden_act: 'silu',
  max_position_embeddings: 2048,
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
}

/** IBM's Granite 3 mixtures: granitemoe, and granitemoeshared with a shared expert. */
export const granite: Architecture<GraniteConfig> = {
  ...DECODER,
  title: 'Granite MoE',
  modelTypes: ['granitemoe', 'granitemoeshared'],
  className: 'GraniteMoe',

  defaults: { ...GRANITE_DEFAULTS, shared_intermediate_size: 0, position_embedding_type: 'rope' },

  parseConfig(keys) {
    const isShared = keys.raw.model_type === 'granitemoeshared'
    const common = graniteKeys(keys, isShared ? 'granitemoeshared' : 'granitemoe')
    refuseOtherHeadSize(keys, common)
    keys.oneOf('position_embedding_type', ['rope'])
    const experts = keys.everywhere(common.layers, 'num_local_experts')
    return {
      ...common,
      mixtures: [keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} })],
      sharedHidden: isShared ? keys.size('shared_intermediate_size', 0) : 0,
    }
  },

  parts: (config, formats) => graniteParts(config, formats, (layer) => attentionPieces(config, formats, layer)),
}

/** Reads the keys of all Granite mixtures: a decoder's, and factors. */
export function graniteKeys(keys: ConfigReader, modelType: string, ropesOf?: RopesOf): Omit<GraniteConfig, 'mixtures'> {
  return {
    ...decoderConfig(keys, modelType, ropesOf),
    ffnHidden: keys.size('intermediate_size'),
    attentionScale: keys.positive('attention_multiplier'),
    attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
    embeddingScale: keys.positive('embedding_multiplier'),
    residualScale: keys.positive('residual_multiplier'),
    logitScale: 1 / keys.positive('logits_scaling'),
  }
}

/** Names of the tensors of the experts. One tensor holds all experts of a layer. */
const EXPERTS = { router: 'router.layer', input: 'input_linear.weight', output: 'output_linear.weight' }

/** Parts of a Granite mixture; `mixer` returns the pieces of a layer's attention, or of what it has instead. */
export function graniteParts(
  config: GraniteConfig,
  formats: PartFormats,
  mixer: (layer: number) => PlannedPiece[],
  names = EXPERTS,
): Generator<Part> {
  const { width: d, ffnHidden: f } = config
  return decoderParts(config, formats, (layer) => {
    const moe = `model.layers.${layer}.block_sparse_moe`
    const mlp = `model.layers.${layer}.shared_mlp`
    const isSparse = hasExperts(config, layer)
    // A model without experts has the shared one alone.
    const s = isSparse ? config.sharedHidden : config.denseHidden
    const halves = whole(`${mlp}.input_linear.weight`, [2 * s, d])
    const [gate, up] = [rowsOf(halves, 0, s), rowsOf(halves, s, 2 * s)]
    const down = whole(`${mlp}.output_linear.weight`, [d, s])
    return {
      dense: [
        ...normPieces(config, layer),
        ...mixer(layer),
        ...(isSparse ? routerPieces(config, layer, `${moe}.${names.router}`) : []),
        ...(s === 0 ? [] : gatedPieces(formats.mlp, { gate, up, down }, { prefix: isSparse ? 'shared.' : 'dense.' })),
      ],
      expert(id, E) {
        // The first f rows of each are the gate, the others up.
        const input = expertOf(`${moe}.${names.input}`, [E, 2 * f, d], id)
        const output = expertOf(`${moe}.${names.output}`, [E, d, f], id)
        return gatedPieces(formats.mlp, { gate: rowsOf(input, 0, f), up: rowsOf(input, f, 2 * f), down: output })
      },
    }
  })
}
