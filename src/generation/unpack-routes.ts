import type { PackedRoutes } from '../engine/protocol.js'
import type { ModelConfig } from '../model/config.js'
import type { LayerRoutes } from './types.js'

/** Routes as the library gives them: views of the packed arrays, one entry a layer. */
export function unpackRoutes(
  { ids, gates, probabilities, outputNorms }: PackedRoutes,
  config: ModelConfig,
  tokens: number,
): LayerRoutes[] {
  const attention = tokens * config.topKAttention
  const mlp = tokens * config.topKMlp
  let experts = 0
  const nextProbabilities = (count: number) => {
    experts += tokens * count
    return probabilities && { probabilities: probabilities.subarray(experts - tokens * count, experts) }
  }
  return Array.from({ length: config.layers }, (_, layer) => {
    const start = layer * (attention + mlp)
    const middle = start + attention
    const end = middle + mlp
    return {
      attention: {
        ids: ids.subarray(start, middle),
        gates: gates.subarray(start, middle),
        ...(outputNorms && { outputNorms: outputNorms.subarray(start, middle) }),
        ...nextProbabilities(config.attentionExperts[layer]),
      },
      mlp: {
        ids: ids.subarray(middle, end),
        gates: gates.subarray(middle, end),
        ...(outputNorms && { outputNorms: outputNorms.subarray(middle, end) }),
        ...nextProbabilities(config.mlpExperts[layer]),
      },
    }
  })
}
