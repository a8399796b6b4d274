import type { Think } from '../../api/chat-options.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { RoutedToken } from '../../api/wire.js'
import { firstQuestions } from '../../chat/conversations/first-questions.js'
import { MIXTURE_KINDS, type Mixture, type PerMixture } from '../../model/config/config.js'
import type { Quant } from '../../model/packing/format/formats.js'

export interface PageModel {
  /** Its name in the API. */
  name: string
  quant: Quant
  config: { mixtures: Pick<Mixture, 'kind' | 'experts' | 'topK' | 'used' | 'newExperts' | 'routing'>[] }
  /** Whether it answers messages; if not, it continues a text. */
  isChat: boolean
  /** Whether the server has names of its experts. */
  hasAtlas: boolean
  /** Experts that the server never uses, in the form `3:mlp:5`. */
  mask: string[]
  /** Settings of thinking that change its answers; empty if it does not think. */
  thinking: Think[]
  /** Whether it can call tools. */
  callsTools: boolean
  /** Tokens of a sequence that it takes and was trained on. */
  contextTokens?: number
  /** Questions to propose to a newcomer. */
  firstQuestions: readonly string[]
}

/** A model as `/v1/models` lists it. */
export interface ModelCard {
  id: string
  /** Whether it is in memory. Absent on servers that always keep it there. */
  status?: { value: 'unloaded' | 'loading' | 'loaded' | 'sleeping'; failed?: boolean }
  max_model_len?: number
  meta: {
    /** Its own name, whatever the server calls it. */
    name?: string
    n_ctx_train?: number
    quant: Quant
    chat_template: boolean
    experts: PerMixture<number[]>
    experts_per_token: PerMixture<number | number[]>
    newcomers?: PerMixture<number[][]>
    always_chosen?: PerMixture<number[][]>
    gate_factor?: PerMixture<number>
    atlas?: boolean
    mask?: string[]
    thinking?: Think[]
    tools?: boolean
  }
}

export function pageModel({ id, max_model_len: most, meta }: ModelCard): PageModel {
  const mixtures = MIXTURE_KINDS.flatMap((kind) => {
    const { [kind]: experts } = meta.experts
    const newExperts = meta.newcomers?.[kind]
    const used = [meta.experts_per_token[kind] ?? 0].flat()
    const topK = Math.max(...used)
    const always = meta.always_chosen?.[kind]?.map((ids) => ({ ids, isApart: false }))
    const factor = meta.gate_factor?.[kind]
    const routing = (always || factor) && { ...(always && { always }), ...(factor && { factor }) }
    return experts
      ? [{ kind, experts, topK, newExperts, ...(used.length > 1 && { used }), ...(routing && { routing }) }]
      : []
  })
  const { quant, chat_template: isChat, atlas: hasAtlas = false, mask = [], thinking = [], tools = false } = meta
  const contextTokens = most && Math.min(most, meta.n_ctx_train ?? most)
  return {
    name: id,
    quant,
    config: { mixtures },
    isChat,
    hasAtlas,
    mask,
    thinking,
    callsTools: tools,
    contextTokens,
    firstQuestions: firstQuestions(meta.name ?? id),
  }
}

/** Converts a token's experts to molm's own form, an entry per layer. */
export function layerRoutes({ experts }: RoutedToken, { config: { mixtures } }: PageModel): LayerRoutes[] {
  const layers: LayerRoutes[] = Array.from({ length: mixtures[0]?.experts.length ?? 0 }, () => ({}))
  for (const { layer, ...chosen } of experts ?? []) {
    for (const { kind } of mixtures) {
      const routes = chosen[kind]
      if (routes) layers[layer][kind] = { ids: Int32Array.from(routes.ids), gates: Float32Array.from(routes.gates) }
    }
  }
  return layers
}
