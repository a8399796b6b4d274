import { ExpertUsage } from '../experts/usage.js'
import { largestGate } from '../model/routing.js'
import { mostExperts } from '../pictures/figure.js'
import { mapImage } from '../pictures/html-sections.js'
import type { TextSection } from '../pictures/interactive/explore.js'
import { type PageRoutes, pageRoutes } from '../pictures/interactive/page-routes.js'
import { usageMaps } from '../pictures/usage-figure.js'
import { byId } from './elements.js'
import { LiveImage } from './live-image.js'
import { layerRoutes, type PageModel, type RoutedToken } from './routes.js'

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
  private readonly section: TextSection = byId('talk', HTMLElement)
  private readonly map = byId('map', HTMLDivElement)
  private readonly image = new LiveImage(this.map)
  private usage: ExpertUsage
  private routes: PageRoutes[] = []
  private newest?: HTMLElement
  private timer?: number
  private tookMs = 0

  constructor(private readonly model: PageModel) {
    const { mixtures } = model.config
    this.usage = new ExpertUsage(model.config)
    this.section.dataset.kinds = mixtures.map(({ kind }) => kind).join(' ')
    this.section.dataset.largestGate = String(largestGate(mixtures))
    this.reset()
    // It reports the first width, too.
    new ResizeObserver(() => this.drawSoon()).observe(this.map)
  }

  /** Forgets all tokens. */
  reset(): void {
    this.usage = new ExpertUsage(this.model.config)
    this.routes = []
    this.section.routes = this.routes
    this.newest = undefined
    this.drawSoon()
  }

  /** Keeps the experts of a token and returns its number for `data-i`. Only tokens of answers count as usage. */
  add(token: RoutedToken, isAnswer: boolean): number {
    const layers = layerRoutes(token, this.model)
    if (isAnswer && token.experts) this.usage.add(layers, 1)
    this.routes.push(pageRoutes(layers, this.model.config.mixtures))
    return this.routes.length - 1
  }

  /** Schedules a redraw, and shows the experts of a token unless the user points at something else. */
  drawSoon(newest = this.newest): void {
    this.newest = newest
    this.showNewest()
    if (this.timer !== undefined) return
    const pauseMs = this.tookMs / DRAWING_SHARE
    this.timer = window.setTimeout(() => requestAnimationFrame(() => this.draw()), pauseMs)
  }

  private draw(): void {
    this.timer = undefined
    const width = this.map.clientWidth
    if (width === 0 || this.model.config.mixtures.length === 0) return
    const started = performance.now()
    const answers = { name: 'answers', usage: this.usage, model: this.model }
    const [block, unit] = [usageMaps([answers]), this.scaleAt(width)]
    const isNew = this.image.show(mapImage(block, 0, Math.max(LEAST_WIDTH, Math.min(width, MOST_WIDTH) / unit)))
    if (isNew) {
      this.map.dispatchEvent(new Event('drawn', { bubbles: true }))
      this.showNewest()
    }
    this.tookMs = performance.now() - started
  }

  private showNewest(): void {
    if (this.map.firstElementChild && this.newest?.isConnected) {
      this.newest.dispatchEvent(new Event('show', { bubbles: true }))
    }
  }

  private scaleAt(width: number): number {
    const most = Math.max(...this.usage.mixtures.map(mostExperts))
    return width >= LARGER.width && most <= LARGER.experts ? LARGER.scale : 1
  }
}
