import { listOf, numberFrom } from '../../../ground/json/forms.js'
import type { ConfigReader } from '../../config/config-reader.js'
import { vector, whole } from '../../packing/format/pieces.js'
import type { Architecture } from '../shared/architecture.js'
import { type DecoderConfig, kindWindows, layerKinds, unlessDense } from '../shared/decoder-config.js'
import { DECODER, describeDecoder } from '../shared/decoder-family.js'
import { decoderBlocks } from '../shared/decoder-layers.js'
import { attentionPieces, namedParts } from '../shared/decoder-parts.js'
import { ropeConfig } from '../shared/rope-config.js'
import { GRANITE_DEFAULTS, type GraniteConfig, graniteKeys, graniteParts } from './granite.js'

const EXPERTS = { router: 'router', input: 'experts.gate_up_proj', output: 'experts.down_proj' }

/** IBM's Granite with a window in most layers and sinks in all: granitemoe_swa, and granite_swa without experts. */
export const graniteSwa: Architecture<GraniteConfig> = {
  ...DECODER,
  title: 'Granite SWA',
  modelTypes: ['granitemoe_swa', 'granite_swa'],
  className: 'GraniteMoeSWA',

  defaults: { ...GRANITE_DEFAULTS, shared_intermediate_size: 0, sliding_window: 128 },

  parseConfig(keys) {
    const hasMixtures = keys.raw.model_type !== 'granite_swa'
    const common = graniteKeys(keys, hasMixtures ? 'granitemoe_swa' : 'granite_swa', ropesOf)
    const experts = new Array<number>(common.layers).fill(hasMixtures ? keys.size('num_local_experts') : 0)
    const kinds = layerKinds(keys, common.layers, (layer) => layer % 4 !== 0)
    return {
      ...common,
      mixtures: unlessDense(experts, () => keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} })),
      windows: kindWindows(keys, kinds),
      ...(hasMixtures ? { sharedHidden: keys.size('shared_intermediate_size', 0) } : { denseHidden: common.ffnHidden }),
    }
  },

  describe(config) {
    const { attention, ...others } = describeDecoder(config)
    return { ...others, attention: [...attention, 'sinks'] }
  },

  parts(config, formats) {
    const mixer = (layer: number) => [
      ...attentionPieces(config, formats, layer),
      vector('sinks', whole(`model.layers.${layer}.self_attn.sinks`, [config.heads])),
    ]
    return config.mixtures.length > 0
      ? graniteParts(config, formats, mixer, EXPERTS)
      : namedParts(config, formats, { mixer })
  },

  build: (config, workspace) => decoderBlocks(config, workspace, { sinks: true }),
}

/** Positions by `layer_rope_theta`, whose 0 means none. Without the key they are the same in all layers. */
function ropesOf(keys: ConfigReader, { layers }: { layers: number }): DecoderConfig['ropes'] {
  const rope = ropeConfig(keys)
  if (!keys.has('layer_rope_theta')) return new Array(layers).fill(rope)
  const isList = listOf(numberFrom(0), { least: layers, most: layers })
  const thetas = keys.as('layer_rope_theta', isList, `a list of ${layers} numbers from 0 on`)
  const ropes = new Map(thetas.map((theta) => [theta, theta === 0 ? undefined : { ...rope, theta }]))
  return thetas.map((theta) => ropes.get(theta))
}
