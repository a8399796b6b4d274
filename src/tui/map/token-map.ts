import type { LayerRoutes } from '../../api/routes.js'
import { routesOfToken } from '../../experts/token-routes.js'
import { ExpertUsage } from '../../experts/usage.js'
import { type MixtureKind, type ModelConfig, mixtureOf } from '../../model/config.js'
import { JUST_BEFORE } from './cell-painter.js'

/** What the map shows: the newest token, the sum of all tokens, or one layer over the last tokens. */
export const MAP_MODES = ['newest', 'usage', 'layer', 'off'] as const
export type MapMode = (typeof MAP_MODES)[number]

/** A token of the conversation and the experts that it wakes. */
export interface MappedToken {
  text: string
  routes: LayerRoutes[]
  /** Whether it was read, and not written by the model. */
  isQuestion?: boolean
}

/** So many tokens before the newest are still seen. */
const TRAIL = 5
/** Tokens that can be walked over; the oldest go when there are an eighth more. */
const MOST_TOKENS = 2048

/** Where a walk can go besides one token on. */
export type Stride = 'first' | 'last' | 'word-back' | 'word-on'

/**
 * What the map of experts shows: the tokens of the conversation, the usage since the beginning, and where the reader looks.
 */
export class TokenMap {
  private shownMode: MapMode = 'newest'
  private shownLayer = 0
  private selection?: number
  private walked = false
  private counted: ExpertUsage
  private kept: MappedToken[] = []
  /** Index of the first token of the newest answer. */
  private start = 0
  /** The same for the answer before it. */
  private startBefore = 0
  /** Index of the first token that was read for the newest answer. */
  private readFrom = 0
  /** The token that is shown where none is selected. */
  private newest = -1
  /** The largest share when there was usage of so many tokens. */
  private largest?: { tokens: number; share: number }

  constructor(private readonly shape: Pick<ModelConfig, 'layers' | 'mixtures'>) {
    this.counted = new ExpertUsage(shape)
  }

  get mode(): MapMode {
    return this.shownMode
  }

  /** The layer whose experts are named: in the details of a token, and in the mode of one layer. */
  get layer(): number {
    return this.shownLayer
  }

  /** Index of the token that the user looks at; undefined follows the newest. */
  get selected(): number | undefined {
    return this.selection
  }

  /** Whether the user has found out that the arrow keys walk over tokens. */
  get hasWalked(): boolean {
    return this.walked
  }

  /** Experts that the tokens of all answers chose. */
  get usage(): ExpertUsage {
    return this.counted
  }

  get tokens(): readonly MappedToken[] {
    return this.kept
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

  /** Whether an expert was taught to the model later, in any layer. */
  isNewcomer(kind: MixtureKind, expert: number): boolean {
    return mixtureOf(this.shape, kind)?.newExperts?.some((ids) => ids.includes(expert)) ?? false
  }

  /** Whether any expert was. */
  get hasNewcomers(): boolean {
    return this.shape.mixtures.some(({ newExperts }) => newExperts?.some((ids) => ids.length > 0))
  }

  /** Experts of one kind in a layer. */
  experts(kind: MixtureKind, layer: number): number {
    return this.usage.of(kind, layer).experts
  }

  /** Index of the first token of the newest answer. */
  get answerStart(): number {
    return this.start
  }

  /** Tokens of the newest answer. */
  get answerLength(): number {
    return this.tokens.length - this.start
  }

  /** A new answer begins. */
  beginAnswer(): void {
    const dropped = this.forgetOldest()
    this.startBefore = Math.max(0, this.start - dropped)
    this.start = this.tokens.length
    this.readFrom = this.start
    this.selection = undefined
  }

  /** Tokens that the model reads before it answers, with the routes of all of them. */
  read(texts: readonly string[], routes: readonly LayerRoutes[]): void {
    for (const [i, text] of texts.entries()) {
      this.kept.push({ text, routes: routes.map((layer) => routesOfToken(layer, i, texts.length)), isQuestion: true })
    }
    this.start = this.tokens.length
    this.newest = this.tokens.length - 1
  }

  /** The answer's next token. */
  add(text: string, routes: LayerRoutes[]): void {
    this.kept.push({ text, routes })
    this.newest = this.tokens.length - 1
    this.counted.add(routes, 1)
  }

  /** The answer ends with its token `count`; later ones are taken back. */
  endAnswer(count: number): void {
    for (const { routes } of this.kept.splice(this.start + count)) this.counted.add(routes, 1, -1)
    if (this.selected !== undefined && this.selected >= this.tokens.length) this.selection = undefined
    this.newest = this.tokens.length - 1
  }

  /** Forgets the newest answer and what was read for it; the answer before it is the newest again. */
  dropAnswer(): void {
    this.endAnswer(0)
    this.kept.length = this.readFrom
    this.newest = this.tokens.length - 1
    this.start = this.startBefore
  }

  /** No more tokens come: what is shown is the last word, and not the blank after it. */
  settle(): void {
    const last = this.tokens.findLastIndex(({ text }, i) => i >= this.start && text.trim() !== '')
    if (last >= 0) this.newest = last
  }

  /** Forgets everything, and how it is looked at stays. */
  reset(): void {
    this.kept = []
    this.beginAnswer()
    this.newest = -1
    this.counted = new ExpertUsage(this.shape)
  }

  /** An empty map of another model, in the same mode. */
  forModel(shape: Pick<ModelConfig, 'layers' | 'mixtures'>): TokenMap {
    const map = new TokenMap(shape)
    map.shownMode = this.mode
    map.walked = this.walked
    return map
  }

  setMode(mode: MapMode): void {
    this.shownMode = mode
  }

  nextMode(): void {
    this.setMode(MAP_MODES[(MAP_MODES.indexOf(this.mode) + 1) % MAP_MODES.length])
  }

  setLayer(layer: number): void {
    this.shownLayer = Math.min(this.layers - 1, Math.max(0, layer))
  }

  /** Shows this token, or with undefined the newest. */
  select(index?: number): void {
    this.selection = index
  }

  /** Looks at another token; going on from the last one follows the newest again. False without tokens. */
  walk(by: number): boolean {
    if (this.tokens.length === 0) return false
    const next = this.selected === undefined && by < 0 ? this.shownIndex : Math.max(0, this.shownIndex + by)
    this.selection = next >= this.tokens.length ? undefined : next
    this.walked = true
    return true
  }

  /** Looks at the first or last token, or at the beginning of a word. False without tokens. */
  stride(to: Stride): boolean {
    const { tokens, shownIndex } = this
    if (tokens.length === 0) return false
    const begins = (index: number) => index === 0 || /^\s|\s$/.test(tokens[index].text + tokens[index - 1].text.at(-1))
    const found = {
      first: () => 0,
      last: () => tokens.length - 1,
      'word-back': () => tokens.findLastIndex((_, index) => index < shownIndex && begins(index)),
      'word-on': () => tokens.findIndex((_, index) => index > shownIndex && begins(index)),
    }[to]()
    if (found >= 0) this.selection = found
    this.walked = true
    return true
  }

  /** Index of the token that is shown. */
  get shownIndex(): number {
    return this.selected ?? this.newest
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
   * Each expert's cell for the kind and layer: its share of the tokens, or the square root of the shown token's gate, so
   * that small gates can be seen; with `fades`, experts that only tokens shortly before had chosen are told apart.
   */
  amounts(kind: MixtureKind, layer: number, fades: boolean): Float32Array {
    return this.mode === 'usage' ? this.shares(kind, layer) : this.glow(kind, layer, fades)
  }

  /** The largest share of the tokens that any expert was chosen by; 1 where there is none. */
  get largestShare(): number {
    const { mixtures, tokens } = this.usage
    if (this.largest?.tokens !== tokens) {
      const most = Math.max(0, ...mixtures.flatMap(({ layers }) => layers.map(({ counts }) => Math.max(0, ...counts))))
      this.largest = { tokens, share: most > 0 ? most / tokens : 1 }
    }
    return this.largest.share
  }

  private glow(kind: MixtureKind, layer: number, fades: boolean): Float32Array {
    const amounts = this.gates(kind, layer).map(Math.sqrt)
    if (!fades) return amounts
    for (let age = 1; age <= TRAIL && this.shownIndex - age >= 0; age++) {
      const before = this.tokens[this.shownIndex - age].routes[layer][kind]
      if (!before) break
      for (const expert of before.ids) if (amounts[expert] === 0) amounts[expert] = JUST_BEFORE
    }
    return amounts
  }

  private shares(kind: MixtureKind, layer: number): Float32Array {
    const most = this.largestShare * Math.max(1, this.usage.tokens)
    return Float32Array.from(this.usage.of(kind, layer).counts, (count) => count / most)
  }

  /** Returns the number of tokens that are no longer there. */
  private forgetOldest(): number {
    if (this.tokens.length <= MOST_TOKENS * 1.125) return 0
    const dropped = this.tokens.length - MOST_TOKENS
    this.kept.splice(0, dropped)
    this.newest -= dropped
    return dropped
  }
}
