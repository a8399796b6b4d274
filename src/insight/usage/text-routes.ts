import type { Model, ModelInfo } from '../../api/model.js'
import type { ExpertRoutes, LayerRoutes } from '../../api/routes.js'
import { type MixtureKind, type ModelConfig, mixtureOf, type PerMixture } from '../../model/config/config.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { expertsOfToken, routesOfToken } from './token-routes.js'
import { ExpertUsage } from './usage.js'

/** Tokens run at once: enough to keep the threads busy, few enough to stop soon. */
export const CHUNK = 1024

/** The model that read a text, as tables and pictures name it. */
export interface Reader {
  name: string
  /** Absent if only a trace is known of the model. */
  quant?: ModelInfo['quant']
  config: Pick<ModelConfig, 'mixtures'>
  textOf(token: number): string
  /** Ids that a pruned model's experts had before, by kind and layer. Absent if its experts have their own numbers. */
  originals?: PerMixture<number[][]>
  /** False if the gates are not known: the routes then have NaN. */
  hasGates?: false
}

export function readerOf(model: Model, originals?: Reader['originals']): Reader {
  const { name, config, info, tokenizer } = model
  return { name, quant: info.quant, config, textOf: (token) => tokenizer.decode([token]), originals }
}

export interface NamedUsage extends Pick<TextRoutes, 'name' | 'usage'> {
  model: Pick<Reader, 'config'>
}

/** A text as a model routes it: its tokens, the experts that each wakes, and their sum. */
export class TextRoutes {
  readonly usage: ExpertUsage
  /** For each token its surprise in bits, given those before it; undefined for the first. Absent if not measured. */
  surprise?: readonly (number | undefined)[]
  private readonly chunks: LayerRoutes[][] = []

  constructor(
    readonly name: string,
    readonly tokens: readonly number[],
    readonly model: Reader,
  ) {
    this.usage = new ExpertUsage(model.config)
  }

  /** Takes the routes of the next `count` tokens; all chunks but the last have CHUNK of them. */
  add(routes: LayerRoutes[], count: number): void {
    this.usage.add(routes, count)
    this.chunks.push(routes)
  }

  /** Routes of one token: for each layer, the k chosen experts of each kind. */
  at(token: number): LayerRoutes[] {
    const { routes, row, rows } = this.placeOf(token)
    return routes.map((layer) => routesOfToken(layer, row, rows))
  }

  /** A token's experts of one kind in one layer; undefined if the layer has none of that kind, or the trace lacks them. */
  chosen(token: number, layer: number, kind: MixtureKind): ExpertRoutes | undefined {
    const { routes, row, rows } = this.placeOf(token)
    const all = routes[layer][kind]
    const own = all && expertsOfToken(all, row, rows)
    return own && own.ids[0] < 0 ? undefined : own
  }

  /**
   * The expert with the largest gate of all that the router chose for a token: experts that every token uses count
   * only if there are no others. Undefined if the layer has none of the kind.
   */
  first(token: number, layer: number, kind: MixtureKind): { id: number; gate: number } | undefined {
    const chosen = this.chosen(token, layer, kind)
    if (!chosen) return undefined
    const always = alwaysChosen(mixtureOf(this.model.config, kind) ?? {}, layer)
    const slot = Math.max(0, always.length === 0 ? 0 : chosen.ids.findIndex((id) => !always.includes(id)))
    return { id: chosen.ids[slot], gate: chosen.gates[slot] }
  }

  private placeOf(token: number): { routes: LayerRoutes[]; row: number; rows: number } {
    const row = token % CHUNK
    const rows = Math.min(CHUNK, this.tokens.length - token + row)
    return { routes: this.chunks[(token - row) / CHUNK], row, rows }
  }
}
