import type { LayerRoutes } from '../../api/routes.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { Lens } from '../../insight/lens.js'
import { alwaysLine } from '../../insight/pictures/kinds/caption.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { routesOfToken } from '../../insight/usage/token-routes.js'
import { ExpertUsage } from '../../insight/usage/usage.js'
import { type MixtureKind, type ModelConfig, mixtureOf } from '../../model/config/config.js'
import { type ExpertMask, type ExpertPush, maskedExperts } from '../../model/config/expert-mask.js'
import { pushOf, steeredExperts } from '../../model/config/mask-spec.js'
import { alwaysChosen, areProbabilities, largestGate } from '../../model/config/routing.js'
import { chosenIn, type Stride, stepFrom, strideFrom } from './steps.js'

/** Forms of the map: the newest token, the sum of all tokens, or one layer over the last tokens. */
export const MAP_MODES = ['newest', 'usage', 'layer', 'off'] as const
export type MapMode = (typeof MAP_MODES)[number]

export interface MappedToken {
  id: number
  text: string
  routes: LayerRoutes[]
  /** Whether the model read it, rather than wrote it. */
  isQuestion?: boolean
  /** Natural logarithm of its probability under the model; only in answers. */
  logprob?: number
  /** Index of the message that its turn began with. */
  turn: number
  /** Voices of its experts, once the user has asked. */
  lens?: Lens
}

/** Number of tokens to keep; the oldest are dropped once there are an eighth more. */
const MOST_TOKENS = 2048

/** Tokens of the conversation, usage of experts by all answers, and the token and layer to show. */
export class TokenMap {
  atlas?: Atlas
  /** Experts that new tokens do not use, by kind and layer. */
  masked?: Omit<ExpertMask, 'gates'>
  mode: MapMode = 'newest'
  /** Index of the message that the running turn began with. */
  turn = 0
  /** The layer whose experts are named: in the details of a token, and in the mode of one layer. */
  layer = 0
  /** Index of the token that the user looks at; undefined follows the newest. */
  selected?: number
  /** The expert that the user chose to look at, in the shown layer. */
  private pointed?: ExpertPlace
  /** Whether the user has found out that the arrow keys walk over tokens. */
  hasWalked = false
  usage: ExpertUsage
  tokens: MappedToken[] = []
  /** Index of the first token of the newest answer. */
  answerStart = 0
  /** The same for the answer before it. */
  private startBefore = 0
  /** Index of the first token that was read for the newest answer. */
  private readFrom = 0
  /** Index of the token to show if none is selected. */
  private newest = -1

  constructor(private shape: Pick<ModelConfig, 'layers' | 'mixtures'>) {
    this.usage = new ExpertUsage(shape)
  }

  /** The expert to look at in a walk: the one with the largest gate, until `moveCursor`. None in a dense layer. */
  get cursor(): ExpertPlace | undefined {
    if (this.selected === undefined || !this.shown) return undefined
    if (this.pointed) return this.pointed
    const chosen = chosenIn(this.shown.routes[this.layer], this.layer)
    const free = chosen.filter(({ kind, expert }) => !this.isAlways(kind, this.layer, expert))
    const [strongest] = (free.length > 0 ? free : chosen).toSorted((a, b) => b.gate - a.gate)
    return strongest && { kind: strongest.kind, layer: this.layer, expert: strongest.expert }
  }

  /** Moves the cursor among the experts that the token chose, or all of the layer. False if there is no cursor. */
  moveCursor(by: 1 | -1, among: 'chosen' | 'all'): boolean {
    const { cursor, shown, layer } = this
    if (!cursor || !shown) return false
    const all = this.kindsOf(layer).flatMap((kind) => {
      return Array.from({ length: this.experts(kind, layer) }, (_, expert) => ({ kind, layer, expert }))
    })
    const { kind, expert } = stepFrom(cursor, by, among === 'all' ? all : chosenIn(shown.routes[layer], layer))
    this.pointed = { kind, layer, expert }
    return true
  }

  isMasked(kind: MixtureKind, layer: number, expert: number): boolean {
    return this.masked?.[kind]?.[layer]?.includes(expert) ?? false
  }

  /** Push of an expert that is steered; 0 for none. */
  pushOf(kind: MixtureKind, layer: number, expert: number): ExpertPush['by'] {
    return this.masked ? pushOf(this.masked, kind, layer, expert) : 0
  }

  get steeredExperts(): number {
    return this.masked ? steeredExperts(this.masked) : 0
  }

  get maskedExperts(): number {
    return this.masked ? maskedExperts(this.masked) : 0
  }

  get layers(): number {
    return this.shape.layers
  }

  get isOn(): boolean {
    return this.mode !== 'off' && this.kinds.length > 0
  }

  /** Kinds of experts in the model, in the order that a token meets them. */
  get kinds(): MixtureKind[] {
    return this.shape.mixtures.map(({ kind }) => kind).filter((kind) => this.mostExperts(kind) > 0)
  }

  /** Kinds of experts in a layer; none in a dense one. */
  kindsOf(layer: number): MixtureKind[] {
    return this.kinds.filter((kind) => this.experts(kind, layer) > 0)
  }

  hasProbabilities(kind: MixtureKind): boolean {
    return areProbabilities(mixtureOf(this.shape, kind) ?? {})
  }

  isAlways(kind: MixtureKind, layer: number, expert: number): boolean {
    return alwaysChosen(mixtureOf(this.shape, kind) ?? {}, layer).includes(expert)
  }

  get largestGate(): number {
    return largestGate(this.shape.mixtures)
  }

  /** Lines about the experts that every token uses; none if there are no such experts. */
  get notes(): string[] {
    return alwaysLine({ config: this.shape })
  }

  /** Number of experts of one kind in the layer that has most. */
  mostExperts(kind: MixtureKind): number {
    return Math.max(0, ...(mixtureOf(this.shape, kind)?.experts ?? []))
  }

  /** Whether an expert was added to the model by teaching, in any layer. */
  isNewcomer(kind: MixtureKind, expert: number): boolean {
    return mixtureOf(this.shape, kind)?.newExperts?.some((ids) => ids.includes(expert)) ?? false
  }

  /** Whether teaching added any expert. */
  get hasNewcomers(): boolean {
    return this.shape.mixtures.some(({ newExperts }) => newExperts?.some((ids) => ids.length > 0))
  }

  experts(kind: MixtureKind, layer: number): number {
    return this.usage.of(kind, layer).experts
  }

  get answerLength(): number {
    return this.tokens.length - this.answerStart
  }

  beginAnswer(): void {
    const dropped = this.forgetOldest()
    this.startBefore = Math.max(0, this.answerStart - dropped)
    this.answerStart = this.tokens.length
    this.readFrom = this.answerStart
    this.select(undefined)
  }

  /** Adds tokens that the model read before it answers, with the routes of all of them. */
  read(tokens: readonly { id: number; text: string }[], routes: readonly LayerRoutes[]): void {
    for (const [i, token] of tokens.entries()) {
      const ofToken = routes.map((layer) => routesOfToken(layer, i, tokens.length))
      this.tokens.push({ ...token, routes: ofToken, isQuestion: true, turn: this.turn })
    }
    this.answerStart = this.tokens.length
    this.newest = this.tokens.length - 1
  }

  add(token: Pick<MappedToken, 'id' | 'text' | 'routes' | 'logprob'>): void {
    this.tokens.push({ ...token, turn: this.turn })
    this.newest = this.tokens.length - 1
    this.usage.add(token.routes, 1)
  }

  /** Ends the answer after its first `count` tokens; takes back later ones. */
  endAnswer(count: number): void {
    for (const { routes } of this.tokens.splice(this.answerStart + count)) this.usage.add(routes, 1, -1)
    if (this.selected !== undefined && this.selected >= this.tokens.length) this.select(undefined)
    this.newest = this.tokens.length - 1
  }

  /** Forgets the newest answer and what was read for it; the answer before it is the newest again. */
  dropAnswer(): void {
    this.endAnswer(0)
    this.tokens.length = this.readFrom
    this.newest = this.tokens.length - 1
    this.answerStart = this.startBefore
  }

  /** Forgets the tokens from an index on; the usage by their answers no longer counts. */
  cutFrom(from: number): void {
    for (const { routes, isQuestion } of this.tokens.splice(from)) if (!isQuestion) this.usage.add(routes, 1, -1)
    this.beginAnswer()
    this.newest = this.tokens.length - 1
  }

  /** Once no more tokens come, shows the last word, not blanks after it. */
  settle(): void {
    const last = this.tokens.findLastIndex(({ text }, i) => i >= this.answerStart && text.trim() !== '')
    if (last >= 0) this.newest = last
  }

  /** Forgets all tokens. With `shape`, it maps another model from now on, in the same mode. */
  reset(shape = this.shape): void {
    if (shape !== this.shape) this.layer = 0
    this.shape = shape
    this.tokens = []
    this.beginAnswer()
    this.newest = -1
    this.usage = new ExpertUsage(shape)
  }

  nextMode(): void {
    this.mode = MAP_MODES[(MAP_MODES.indexOf(this.mode) + 1) % MAP_MODES.length]
  }

  setLayer(layer: number): void {
    this.layer = Math.min(this.layers - 1, Math.max(0, layer))
    this.pointed = undefined
  }

  /** Moves the cursor to an expert, whether the token chose it or not. */
  point({ kind, layer, expert }: ExpertPlace): void {
    this.setLayer(layer)
    this.pointed = { kind, layer, expert }
  }

  /** Shows this token, or with undefined the newest. */
  select(index?: number): void {
    this.selected = index
    this.pointed = undefined
  }

  /** Selects the token `by` steps away; past the last one, follows the newest again. False without tokens. */
  walk(by: number): boolean {
    if (this.tokens.length === 0) return false
    const next = this.selected === undefined && by < 0 ? this.shownIndex : Math.max(0, this.shownIndex + by)
    this.select(next >= this.tokens.length ? undefined : next)
    this.hasWalked = true
    return true
  }

  /** Selects the first or last token, or the start of a word. False without tokens. */
  stride(to: Stride): boolean {
    if (this.tokens.length === 0) return false
    const found = strideFrom(this.shownIndex, to, this.tokens)
    if (found >= 0) this.select(found)
    this.hasWalked = true
    return true
  }

  get shownIndex(): number {
    return this.selected ?? this.newest
  }

  get shown(): MappedToken | undefined {
    return this.tokens[this.shownIndex]
  }

  /** Drops the oldest tokens; returns their number. */
  private forgetOldest(): number {
    if (this.tokens.length <= MOST_TOKENS * 1.125) return 0
    const dropped = this.tokens.length - MOST_TOKENS
    this.tokens.splice(0, dropped)
    this.newest -= dropped
    return dropped
  }
}
