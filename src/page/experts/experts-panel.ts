import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { mostExperts } from '../../lab/pictures/blocks/figure.js'
import { mapImage } from '../../lab/pictures/html/html-sections.js'
import type { TextSection } from '../../lab/pictures/interactive/explore.js'
import { type PageRoutes, pageRoutes } from '../../lab/pictures/interactive/page-data.js'
import { usageMaps } from '../../lab/pictures/kinds/usage-figure.js'
import { largestGate } from '../../model/config/routing.js'
import { byId } from '../elements/elements.js'
import { LiveImage } from '../elements/live-image.js'
import { GrowingText } from '../markdown/growing-text.js'
import type { Models } from '../requests/models.js'
import { layerRoutes, type PageModel, type RoutedToken } from '../requests/routes.js'
import { Caption } from './caption.js'
import { strikeOut } from './strike-out.js'

/** Share of the time that drawing may take: a map of thousands of cells must not slow down the text. */
const DRAWING_SHARE = 0.3

/** A map of at most this number of experts is scaled up if it is at least this wide. */
const LARGER = { scale: 1.35, experts: 40, width: 500 }
/** Minimum width to draw a map for; a narrower panel shows it scaled down. */
const LEAST_WIDTH = 300
/** Maximum width to draw a map for, as in style.css; beyond it a map only becomes coarse. */
const MOST_WIDTH = 736

/** The map beside the conversation: usage by the answers' tokens so far, and the experts of a pointed token. */
export class ExpertsPanel {
  private off: readonly ExpertPlace[] = []
  private readonly section: TextSection = byId('talk', HTMLElement)
  private readonly map = byId('map', HTMLDivElement)
  private readonly image = new LiveImage(this.map)
  private readonly caption = new Caption()
  private shownText: GrowingText
  private answersText: GrowingText
  private routes: PageRoutes[] = []
  private newest?: HTMLElement
  private timer?: number
  private tookMs = 0
  private width = 0

  constructor(private readonly models: Models) {
    this.shownText = new GrowingText('conversation', models.model)
    this.answersText = new GrowingText('answers', models.model)
    this.begin()
    // It reports the first width, too.
    new ResizeObserver(() => this.drawSoon()).observe(this.map)
  }

  /** Tokens of questions and answers; `data-i` of an element is the number of its token. */
  get shown(): GrowingText {
    return this.shownText
  }

  /** Tokens of the answers, which the map counts. */
  get answers(): GrowingText {
    return this.answersText
  }

  /** Forgets the map and all tokens, which belong to another model than the next ones. */
  begin(): void {
    const { mixtures } = this.model.config
    // A pinned token or cell is of the model before.
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))
    this.image.clear()
    this.section.dataset.kinds = mixtures.map(({ kind }) => kind).join(' ')
    this.section.dataset.largestGate = String(largestGate(mixtures))
    this.reset()
    this.caption.show(this.answersText)
  }

  /** Forgets all tokens. */
  reset(): void {
    this.shownText = new GrowingText('conversation', this.model)
    this.answersText = new GrowingText('answers', this.model)
    this.routes = []
    this.section.routes = this.routes
    this.newest = undefined
    this.drawSoon()
  }

  /** Keeps the experts of a question's token and returns its number for `data-i`. */
  add(token: RoutedToken): number {
    const layers = layerRoutes(token, this.model)
    this.shownText.append(token, layers)
    return this.routes.push(pageRoutes(layers, this.model.config.mixtures)) - 1
  }

  /** Keeps the experts of an answer's token, counts them as usage, and returns its number for `data-i`. */
  count(token: RoutedToken, answer: GrowingText, logprob?: number): number {
    const layers = layerRoutes(token, this.model)
    for (const text of [this.shownText, this.answersText, answer]) text.append(token, layers, logprob)
    return this.routes.push(pageRoutes(layers, this.model.config.mixtures)) - 1
  }

  /** Strikes out experts in the map, in place of those before. */
  strikeOut(off: readonly ExpertPlace[]): void {
    this.off = off
    strikeOut(this.map, off)
  }

  /** Schedules a redraw, and shows the experts of a token unless the user points at something else. */
  drawSoon(newest = this.newest): void {
    this.newest = newest
    this.showNewest()
    if (this.timer !== undefined) return
    const pauseMs = this.tookMs / DRAWING_SHARE
    this.timer = window.setTimeout(() => requestAnimationFrame(() => this.draw()), pauseMs)
  }

  /** Ends an answer: no token is framed until the user points at one. */
  rest(): void {
    this.newest = undefined
    this.section.querySelector('#turns')?.dispatchEvent(new Event('hide', { bubbles: true }))
    this.caption.show(this.answersText, this.models.atlas, true)
    this.drawSoon()
  }

  private get model(): PageModel {
    return this.models.model
  }

  private draw(): void {
    this.timer = undefined
    const started = performance.now()
    if (this.model.config.mixtures.length > 0) this.caption.show(this.answersText, this.models.atlas)
    const width = this.map.clientWidth
    if (width === 0 || this.model.config.mixtures.length === 0) return
    const [block, unit] = [usageMaps([this.answersText], { atlas: this.models.atlas }), this.scaleAt(width)]
    const isNew = this.image.show(mapImage(block, 0, Math.max(LEAST_WIDTH, Math.min(width, MOST_WIDTH) / unit)))
    if (isNew || width !== this.width) this.map.dispatchEvent(new Event('drawn', { bubbles: true }))
    this.width = width
    strikeOut(this.map, this.off)
    if (isNew) this.showNewest()
    this.tookMs = performance.now() - started
  }

  private showNewest(): void {
    if (this.map.firstElementChild && this.newest?.isConnected) {
      this.newest.dispatchEvent(new Event('show', { bubbles: true }))
    }
  }

  private scaleAt(width: number): number {
    const most = Math.max(...this.model.config.mixtures.map(mostExperts))
    return width >= LARGER.width && most <= LARGER.experts ? LARGER.scale : 1
  }
}
