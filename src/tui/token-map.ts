import { ExpertUsage } from '../experts/usage.js'
import type { LayerRoutes } from '../generation/types.js'
import { type MixtureKind, type ModelConfig, mixtureOf } from '../model/config.js'

/** What the map shows: the newest token, the sum of all tokens, or one layer over the last tokens. */
export const MAP_MODES = ['newest', 'usage', 'layer', 'off'] as const
export type MapMode = (typeof MAP_MODES)[number]

/** A token of the answer and the experts that it wakes. */
export interface MappedToken {
  text: string
  routes: LayerRoutes[]
}

/** Tokens that still glow behind the newest, and how much of its light the one before keeps. */
const TRAIL = 5
const FADE = 0.5

/** What the map of experts shows: the tokens of the answer, the usage since the beginning, and where the reader looks. */
export class TokenMap {
  mode: MapMode = 'newest'
  /** The layer looked at, in the details of a token and in the mode of one layer. */
  layer = 0
  /** The token looked at, counted from the answer's first; undefined follows the newest. */
  selected?: number
  usage: ExpertUsage
  tokens: MappedToken[] = []

  constructor(private readonly shape: Pick<ModelConfig, 'layers' | 'mixtures'>) {
    this.usage = new ExpertUsage(shape)
  }

  get layers(): number {
    return this.shape.layers
  }

  /** The kinds of experts that the model has, in the order in which a token meets them. */
  get kinds(): MixtureKind[] {
    return this.shape.mixtures.map(({ kind }) => kind).filter((kind) => this.mostExperts(kind) > 0)
  }

  /** The kinds of experts that a layer has; none in a dense one. */
  kindsOf(layer: number): MixtureKind[] {
    return this.kinds.filter((kind) => this.experts(kind, layer) > 0)
  }

  /** Experts of one kind in the layer that has most of them. */
  mostExperts(kind: MixtureKind): number {
    return Math.max(0, ...(mixtureOf(this.shape, kind)?.experts ?? []))
  }

  /** Experts of one kind in a layer. */
  experts(kind: MixtureKind, layer: number): number {
    return this.usage.of(kind, layer).experts
  }

  /** A new answer begins. */
  beginAnswer(): void {
    this.tokens = []
    this.selected = undefined
  }

  /** The answer's next token. */
  add(text: string, routes: LayerRoutes[]): void {
    this.tokens.push({ text, routes })
    this.usage.add(routes, 1)
  }

  /** The answer ends with its token `count`; later ones are taken back. */
  endAnswer(count: number): void {
    for (const { routes } of this.tokens.splice(count)) this.usage.add(routes, 1, -1)
    if (this.selected !== undefined && this.selected >= count) this.selected = undefined
  }

  /** Forgets everything, and how it is looked at stays. */
  reset(): void {
    this.beginAnswer()
    this.usage = new ExpertUsage(this.shape)
  }

  nextMode(): void {
    this.mode = MAP_MODES[(MAP_MODES.indexOf(this.mode) + 1) % MAP_MODES.length]
  }

  /** Looks at another token of the answer; going on from the last one follows the newest again. False without tokens. */
  walk(by: number): boolean {
    if (this.tokens.length === 0) return false
    const at = this.selected ?? this.tokens.length
    const next = Math.max(0, at + by)
    this.selected = next >= this.tokens.length ? undefined : next
    return true
  }

  changeLayer(by: number): void {
    this.layer = Math.min(this.layers - 1, Math.max(0, this.layer + by))
  }

  /** Index of the token that is shown. */
  get shownIndex(): number {
    return this.selected ?? this.tokens.length - 1
  }

  get shown(): MappedToken | undefined {
    return this.tokens[this.shownIndex]
  }

  /** Gates of the experts of one kind in one layer for a token, the shown one by default; 0 where not chosen. */
  gates(kind: MixtureKind, layer: number, index = this.shownIndex): Float32Array {
    const all = new Float32Array(this.experts(kind, layer))
    const routes = this.tokens[index]?.routes[layer][kind]
    if (routes) for (const [slot, expert] of routes.ids.entries()) all[expert] = routes.gates[slot]
    return all
  }

  /**
   * Brightness of each expert's cell, 0 to 1, for the kind and layer: usage, or the shown token's gates; with `fades` also
   * those of the tokens before it, the weaker the longer ago.
   */
  amounts(kind: MixtureKind, layer: number, fades: boolean): Float32Array {
    return this.mode === 'usage' ? this.usageAmounts(kind, layer) : this.glow(kind, layer, fades)
  }

  private glow(kind: MixtureKind, layer: number, fades: boolean): Float32Array {
    const amounts = this.gates(kind, layer).map(Math.sqrt)
    if (!fades) return amounts
    for (let age = 1; age <= TRAIL && this.shownIndex - age >= 0; age++) {
      const before = this.tokens[this.shownIndex - age].routes[layer][kind]
      if (!before) break
      for (const [slot, expert] of before.ids.entries()) {
        amounts[expert] = Math.max(amounts[expert], Math.sqrt(before.gates[slot]) * FADE ** age)
      }
    }
    return amounts
  }

  private usageAmounts(kind: MixtureKind, layer: number): Float32Array {
    const { counts } = this.usage.of(kind, layer)
    const most = Math.max(1, ...counts)
    return Float32Array.from(counts, (count) => count / most)
  }
}
