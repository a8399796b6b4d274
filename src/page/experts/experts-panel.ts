import type { RoutedToken } from '../../api/wire.js'
import { formatCount } from '../../ground/numbers.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import { mostParticular } from '../../insight/atlas/words-of-expert.js'
import { mostExperts } from '../../insight/pictures/blocks/figure.js'
import { mapImage } from '../../insight/pictures/html/html-sections.js'
import type { TextSection } from '../../insight/pictures/interactive/explore.js'
import { pageRoutes } from '../../insight/pictures/interactive/page-data.js'
import { wordsSentence } from '../../insight/pictures/kinds/usage-caption.js'
import { usageMaps, withoutNumbers } from '../../insight/pictures/kinds/usage-figure.js'
import { awakeIn, type ExpertPlace } from '../../insight/usage/awake.js'
import { create } from '../elements/elements.js'
import { LiveImage } from '../elements/live-image.js'
import { GrowingText } from '../markdown/growing-text.js'
import type { AnswerPlace, TokenPlace } from '../requests/api.js'
import { layerRoutes, type PageModel } from '../requests/routes.js'
import { type ChangedExpert, foundIn, placeOf } from './places.js'

/** Share of the time that drawing may take: a map of thousands of cells must not slow down the text. */
const DRAWING_SHARE = 0.3
/** Share of the time that the search for words may take. */
const SEARCHING_SHARE = 0.1

/** A map of rows with at most this number of experts is scaled up, the more the taller the window is. */
const LARGER = { experts: 40, least: 1.3, heightOfOne: 600 }
/** Minimum width to draw a map for; a narrower panel shows it scaled down. */
const LEAST_WIDTH = 300
/** Maximum width to draw a map for, as in style.css; beyond it a map only becomes coarse. */
const MOST_WIDTH = 736

/** A prime, so that the cells of a sample are apart. */
const SPREAD = 7

/** The model that answers, and the names of its experts. */
export interface Named {
  model: PageModel
  atlas?: Atlas
  /** Whether the map has numbers beside it. */
  hasNumbers: boolean
}

/** The sentences above the map: how many experts the answers woke, and the words that woke the most particular one. */
export interface Caption {
  woke: string
  words: string
}

/** The map beside the conversation: usage by the answers' tokens so far, and the experts of a pointed token. */
export class ExpertsPanel {
  /** The element of the map. explore.ts finds the tokens' experts at the section around it. */
  readonly map = create('div')
  /** Experts of the tokens, by their numbers. */
  readonly routes: NonNullable<TextSection['routes']> = []
  /** Places of the tokens in texts that the model read; undefined if the page does not know all of the text. */
  readonly places: (TokenPlace | undefined)[] = []
  /** Voices of the experts of some tokens, by the numbers of the tokens. */
  readonly voices: NonNullable<TextSection['voices']> = {}
  private changed: readonly ChangedExpert[] = []
  private looked?: ExpertPlace
  private readonly image = new LiveImage(this.map)
  private shownText: GrowingText
  private answersText: GrowingText
  private newest?: HTMLElement
  private timer?: number
  private tookMs = 0
  private width = 0
  private maySearchAt = 0

  /** `tell` gets the caption when it changes. */
  constructor(
    private readonly named: () => Named,
    private readonly tell: (caption: Partial<Caption>) => void,
  ) {
    this.map.id = 'map'
    const { model } = named()
    this.shownText = new GrowingText('conversation', model)
    this.answersText = new GrowingText('answers', model)
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
    // A pinned token or cell is of the model before.
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))
    this.image.clear()
    this.reset()
  }

  /** Forgets all tokens. */
  reset(): void {
    const { model } = this.named()
    this.shownText = new GrowingText('conversation', model)
    this.answersText = new GrowingText('answers', model)
    this.routes.length = 0
    this.places.length = 0
    for (const token of Object.keys(this.voices)) delete this.voices[token]
    this.newest = undefined
    this.describe()
    this.drawSoon()
  }

  /** Keeps the experts of a question's token and returns its number for `data-i`. */
  add(token: RoutedToken, place: TokenPlace): number {
    return this.keep(token, [this.shownText], place)
  }

  /** Keeps the experts of an answer's token, counts them as usage, and returns its number for `data-i`. */
  count(token: RoutedToken, answer: GrowingText, place?: TokenPlace, logprob?: number): number {
    return this.keep(token, [this.shownText, this.answersText, answer], place, logprob)
  }

  /** Whether the page knows all of the text that an answer was written after. */
  knowsTextOf(answer: HTMLElement): boolean {
    const first = answer.querySelector<HTMLElement>('[data-i]')
    return first !== null && this.places[Number(first.dataset.i)] !== undefined
  }

  /** Tokens of an answer that is shown in an element; undefined if the page does not know all of its text. */
  placeOfAnswer(answer: HTMLElement, token?: number): AnswerPlace | undefined {
    const numbers = [...answer.querySelectorAll<HTMLElement>('[data-i]')].map(({ dataset }) => Number(dataset.i))
    const places = numbers.map((number) => this.places[number])
    const [first, last] = [places[0], places.at(-1)]
    if (!first || !last) return undefined
    const { ids, at: from, mask } = first
    const at = token === undefined ? undefined : this.places[token]?.at
    return { ids, from, to: last.at + 1, mask, token: at === undefined ? undefined : at - from }
  }

  /** Rings the expert that the user looks at, or none. */
  look(place?: ExpertPlace): void {
    this.looked = place
    this.map.querySelector('.looked')?.classList.remove('looked')
    if (!place) return
    const { kind, layer, expert } = place
    this.map.querySelector(`rect[data-expert="${kind} ${layer} ${expert}"]`)?.classList.add('looked')
  }

  /** Strikes out experts that are off and signs steered ones with + or −, with lines above all cells. */
  mark(changed = this.changed): void {
    this.changed = changed
    for (const line of this.map.querySelectorAll('.strike')) line.remove()
    for (const cell of this.map.querySelectorAll('[data-expert].off')) cell.classList.remove('off')
    if (changed.length === 0) return
    for (const cell of this.map.querySelectorAll('rect[data-expert]')) {
      const place = placeOf(cell)
      const found = place && foundIn(changed, place)
      if (!found) continue
      const { push } = found
      if (push === undefined) cell.classList.add('off')
      const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(cell.getAttribute(name)))
      const line = document.createElementNS('http://www.w3.org/2000/svg', 'path')
      line.setAttribute('class', 'strike')
      const cross = `M${x} ${y}L${x + width} ${y + height}M${x + width} ${y}L${x} ${y + height}`
      const minus = `M${x + 2} ${y + height / 2}h${width - 4}`
      const plus = `${minus}M${x + width / 2} ${y + 2}v${height - 4}`
      line.setAttribute('d', push === undefined ? cross : push < 0 ? minus : plus)
      cell.closest('.layer')?.parentNode?.append(line)
    }
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
    this.map.dispatchEvent(new Event('hide', { bubbles: true }))
    this.describe(true)
    this.drawSoon()
  }

  /** Signs as many cells as a token wakes; the page rings them before there is any token. */
  private markSample(): void {
    const { mixtures } = this.named().model.config
    for (const cell of this.map.querySelectorAll('rect[data-expert]')) {
      const { kind, layer, expert } = placeOf(cell) as ExpertPlace
      const mixture = mixtures.find((one) => one.kind === kind)
      const [experts = 1, used = 0] = [mixture?.experts[layer], mixture?.used?.[layer] ?? mixture?.topK]
      cell.classList.toggle('sample', (SPREAD * expert + layer * 5) % experts < used)
    }
  }

  private keep(token: RoutedToken, texts: readonly GrowingText[], place?: TokenPlace, logprob?: number): number {
    const { model } = this.named()
    const layers = layerRoutes(token, model)
    for (const text of texts) text.append(token, layers, logprob)
    this.places.push(place)
    return this.routes.push(pageRoutes(layers, model.config.mixtures)) - 1
  }

  private draw(): void {
    this.timer = undefined
    const started = performance.now()
    const { model, atlas, hasNumbers } = this.named()
    this.describe()
    const width = this.map.clientWidth
    if (width === 0 || model.config.mixtures.length === 0) return
    const larger = Math.max(LARGER.least, innerHeight / LARGER.heightOfOne)
    const unit = largestMixture(model) <= LARGER.experts ? larger : 1
    const all = usageMaps([this.answersText], { atlas })
    const block = hasNumbers ? all : withoutNumbers(all)
    const isNew = this.image.show(mapImage(block, 0, Math.max(LEAST_WIDTH, Math.min(width, MOST_WIDTH) / unit)))
    if (isNew || width !== this.width) this.map.dispatchEvent(new Event('drawn', { bubbles: true }))
    this.width = width
    this.mark()
    this.look(this.looked)
    if (isNew) {
      this.markSample()
      this.showNewest()
    }
    this.tookMs = performance.now() - started
  }

  /** Describes the answers. While one grows, the words change less often than the numbers. */
  private describe(isFinal = false): void {
    const { answersText: text } = this
    const { model, atlas } = this.named()
    if (model.config.mixtures.length === 0 || text.tokens.length === 0) return this.tell({ woke: '', words: '' })
    const { woke, experts } = awakeIn(text.usage)
    this.tell({ woke: text.usage.tokens === 0 ? '' : `${formatCount(woke)} of ${formatCount(experts)} experts woke` })
    const started = performance.now()
    if (started < this.maySearchAt && !isFinal) return
    const particular = mostParticular(text)
    this.tell({ words: particular ? wordsSentence(particular, atlas) : '' })
    this.maySearchAt = performance.now() + (performance.now() - started) / SEARCHING_SHARE
  }

  private showNewest(): void {
    if (this.map.firstElementChild && this.newest?.isConnected) {
      this.newest.dispatchEvent(new Event('show', { bubbles: true }))
    }
  }
}

function largestMixture({ config }: PageModel): number {
  return Math.max(...config.mixtures.map(mostExperts))
}
