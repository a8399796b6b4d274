import type { ConfigReader } from '../../config/config-reader.js'
import type { Routing, RoutingGroups } from '../../config/routing.js'
import { type DecoderConfig, unlessDense } from './decoder-config.js'

/* DeepSeek's mixtures, which GLM and Ling share: first some dense layers, then shared and routed experts in groups. */

interface ExpertKeys {
  /** Number of experts of a layer, and of shared ones. Default: DeepSeek's keys. */
  experts?: string
  shared?: string
  routing: () => Routing
  /** Whether a layer behind the first `first_k_dense_replace` has experts. Default: all. `mlp_layer_types` wins. */
  isSparse?: (layer: number) => boolean
}

export function groupedExperts(
  keys: ConfigReader,
  layers: number,
  { experts = 'n_routed_experts', shared = 'n_shared_experts', routing, isSparse }: ExpertKeys,
): Pick<DecoderConfig, 'mixtures' | 'ffnHidden' | 'denseHidden' | 'sharedHidden'> {
  const types = keys.has('mlp_layer_types') && keys.oneOfEach('mlp_layer_types', layers, ['dense', 'sparse'])
  const dense = types ? 0 : keys.size('first_k_dense_replace', 0)
  const count = keys.size(experts)
  const has = (layer: number) => (types ? types[layer] === 'sparse' : layer >= dense && (isSparse?.(layer) ?? true))
  const counts = Array.from({ length: layers }, (_, layer) => (has(layer) ? count : 0))
  const ffnHidden = keys.size('moe_intermediate_size')
  return {
    mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', routing)),
    ffnHidden,
    denseHidden: keys.size('intermediate_size'),
    sharedHidden: keys.has(shared) ? ffnHidden * keys.size(shared, 0) : 0,
  }
}

/** Rule of routers with sigmoid scores and a bias of the choice. Two scores of a group are its own. */
export function sigmoidGroups(keys: ConfigReader, experts: string, normalises: boolean): Routing {
  return {
    score: 'sigmoid',
    selectionBias: true,
    ...groupsOf(keys, experts, 'two-largest'),
    ...(normalises && { normalise: { add: 1e-20 } }),
    factor: keys.positive('routed_scaling_factor'),
  }
}

/** Groups of experts; none if all experts are one. */
export function groupsOf(keys: ConfigReader, experts: string, by: RoutingGroups['by']): Pick<Routing, 'groups'> {
  const count = keys.has('n_group') ? keys.size('n_group') : 1
  if (count === 1) return {}
  const all = keys.size(experts)
  if (all % count !== 0) throw keys.refuse('n_group', `a divisor of ${experts} (${all})`)
  return { groups: { count, kept: keys.size('topk_group', 1, count), by } }
}
