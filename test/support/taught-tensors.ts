import type { TrainedTensor } from '#molm/engine/training/plan.js'
import type { ModuleFormerConfig } from '#molm/model/families/moduleformer/moduleformer.js'
import type { Tensors } from './reference-model.js'

/** Key of the checkpoint tensor that contains a trained one. It holds all experts of a layer. */
function keyOf({ gateType }: ModuleFormerConfig, { layer, kind, piece }: TrainedTensor): string {
  const block = `transformer.h.${layer}.${kind === 'attention' ? 'attn.q_proj' : 'mlpf'}`
  const scores = { mlp: 'w_gate.3.weight', linear: 'w_gate.0.weight', gmm: 'expert_centroids' }[gateType]
  if (piece === 'router') return `${block}.gate.${scores}`
  return `${block}.${piece === 'output' ? 'output_experts' : 'experts'}.weight`
}

/**
 * Writes trained experts into a checkpoint: in place, or after the model's experts if they are new. `weights` has all
 * trained tensors in order, in double precision.
 */
export function taughtTensors(
  config: ModuleFormerConfig,
  tensors: Tensors,
  trained: readonly TrainedTensor[],
  weights: Float64Array,
): { config: ModuleFormerConfig; tensors: Tensors } {
  const all = new Map(tensors)
  const experts = new Map(config.mixtures.map((mixture) => [mixture.kind, [...mixture.experts]]))
  const own = new Set<string>()
  for (const tensor of trained) {
    const { layer, kind, expert, piece, rows, cols, offset } = tensor
    const key = keyOf(config, tensor)
    const size = rows * cols
    let values = all.get(key)
    if (!values) throw new Error(`no tensor ${key}`)
    if (!own.has(key) || values.length < (expert + 1) * size) {
      const longer = new Float64Array(Math.max(values.length, (expert + 1) * size))
      longer.set(values)
      values = longer
      all.set(key, values)
      own.add(key)
    }
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        // Experts are stored as [in, out].
        values[expert * size + (piece === 'router' ? c : c * rows + r)] = weights[offset + r * cols + c]
      }
    }
    const counts = experts.get(kind) ?? []
    counts[layer] = Math.max(counts[layer], expert + 1)
  }
  const mixtures = config.mixtures.map((mixture) => ({ ...mixture, experts: experts.get(mixture.kind) ?? [] }))
  return { config: { ...config, mixtures }, tensors: all }
}
