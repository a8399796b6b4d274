import type { Layout, Part } from '../packing/layout.js'
import { pieceOf } from '../packing/layout.js'
import { tileIndex } from '../packing/tile-rows.js'
import type { Bank } from '../runtime/bank.js'
import { type ModelConfig, routerRows } from './config.js'
import type { RouterWeights } from './router.js'
import type { BlockWeights, NormWeights, ProjectionWeights } from './weights.js'

/** Finds a part's address once it is in memory. */
export type PartAddress = (part: Part) => number

/** Addresses of the dense pieces of block `layer`, whose part lies in `bank`. */
export function placeBlock(
  config: ModelConfig,
  layout: Layout,
  addressOf: PartAddress,
  banks: Bank[],
  layer: number,
  bank: number,
): BlockWeights {
  const part = layout.part(`layers.${layer}.dense`)
  const at = (name: string) => addressOf(part) + pieceOf(part, name).offset
  const pair = (name: string): NormWeights & ProjectionWeights => ({
    weight: at(`${name}.weight`),
    bias: at(`${name}.bias`),
  })
  const router = (kind: 'attention' | 'mlp', experts: number): RouterWeights => {
    const name = `${kind}.router`
    const rows = routerRows(config, layer, kind)
    const common = { experts, rows, bias: config.gateBias ? at(`${name}.bias`) : 0 }
    switch (config.gateType) {
      case 'mlp': {
        const hidden = pair(`${name}.hidden`)
        return { ...common, hidden: hidden.weight, hiddenBias: hidden.bias, logits: at(`${name}.logits.weight`) }
      }
      case 'linear':
        return { ...common, hidden: 0, hiddenBias: 0, logits: at(`${name}.logits.weight`) }
      case 'gmm': {
        const logits = at(`${name}.centroids`)
        const temperature = banks[bank].f32[at(`${name}.temperature`) / 4]
        const centroidScale = centroidScales(banks[bank], logits, rows, config.gatingSize, Math.exp(temperature))
        return { ...common, hidden: at(`${name}.projection.weight`), hiddenBias: 0, logits, centroidScale }
      }
    }
  }
  return {
    bank,
    norm1: pair('ln_1'),
    attentionRouter: router('attention', config.attentionExperts[layer]),
    ...(config.sharedKeyValue ? {} : { key: pair('key'), value: pair('value') }),
    norm2: pair('ln_2'),
    mlpRouter: router('mlp', config.mlpExperts[layer]),
  }
}

/** factor / max(|centroid|, 1e-12) of each router row, from the f32 matrix at address `matrix`. */
function centroidScales(bank: Bank, matrix: number, rows: number, size: number, factor: number): Float64Array {
  const { f32 } = bank
  return Float64Array.from({ length: rows }, (_, e) => {
    let square = 0
    for (let c = 0; c < size; c++) square += f32[matrix / 4 + tileIndex(e, c, size)] ** 2
    return factor / Math.max(Math.sqrt(square), 1e-12)
  })
}
