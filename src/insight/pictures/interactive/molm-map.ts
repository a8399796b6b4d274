import { readTrace, type Token, type Trace } from './map-trace.js'

/*
 * `<molm-map src="trace.json">`: a text, and a map of the experts that each of its tokens wakes. scripts/build.mjs puts it and
 * map-trace.ts into one file, so that a page loads that alone.
 */

const TITLES: Record<string, string> = { attention: 'attention', mlp: 'MLP', experts: 'experts' }
/** Experts of a token in a layer. */
interface Routes {
  ids: Iterable<number>
  gates: Iterable<number>
}

/** Side of a cell with its gap, in units of the drawing, and the room for the numbers of the layers and for titles. */
const [PITCH, SIDE, LABELS, HEAD] = [16, 13, 24, 22]
/** Pixels of a unit, if there is room. */
const SCALE = 1.1
/** Least shares of the largest gate, or of the largest use, of the three upper colours. */
const LEVELS = [0.01, 0.1, 0.5]
const TOKENS_A_SECOND = 4

const STYLE = `:host{display:block;font:16px/1.6 system-ui,sans-serif;color:var(--text);
--text:light-dark(#1a1d24,#e8eaf0);--quiet:light-dark(#586070,#a3abba);--panel:light-dark(#f5f6f8,#1a1e27);--orange:light-dark(#a8420a,#ffb26b);
--asleep:light-dark(#868d9b,#636b7b);--r1:light-dark(#748bc3,#54699f);--r2:light-dark(#5672b8,#7690cc);--r3:light-dark(#34519f,#a3b9ee);--r4:light-dark(#142a6b,#e2eaff)}
.tokens{white-space:pre-wrap;overflow-wrap:anywhere;max-height:16em;overflow-y:auto}
.tokens span{cursor:pointer;border-radius:3px}.tokens .lit{text-decoration:underline 2px var(--orange)}
.tokens .now{outline:2px solid var(--orange);color:var(--orange)}
.map{background:var(--panel);border-radius:12px;padding:12px 16px;margin-top:12px}
.bar{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;font-size:14px}
button{font:inherit;color:inherit;background:none;border:1px solid var(--asleep);border-radius:6px;padding:2px 12px;min-height:24px;cursor:pointer}
.kinds{display:flex;flex-wrap:wrap;gap:8px 16px;margin-top:8px}svg{max-width:100%;height:auto}text{font-size:12px;fill:var(--quiet)}
rect{fill:transparent;stroke:var(--asleep);cursor:pointer}.r1{fill:var(--r1);stroke:none}.r2{fill:var(--r2);stroke:none}.r3{fill:var(--r3);stroke:none}.r4{fill:var(--r4);stroke:none}
.on{stroke:var(--orange);stroke-width:2.5}:focus-visible{outline:2px solid var(--orange);outline-offset:1px}
@media (prefers-reduced-motion:no-preference){rect{transition:fill .16s}}`

/**
 * Draws the trace of `src`. Attributes: `text`, the number of the text from 0; `experts`, how many a layer has, if the trace
 * does not say; `layers` and `top-k`, for `routed_experts` without a shape.
 */
export class MolmMap extends HTMLElement {
  static readonly observedAttributes = ['src', 'text', 'experts', 'layers', 'top-k']
  private readonly root = this.attachShadow({ mode: 'open' })
  private readonly caption = make('span', { 'aria-live': 'polite' })
  private readonly button = make('button', { type: 'button' })
  private tokens: Token[] = []
  private spans: Element[] = []
  private list: Element = make('div', {})
  private cells = new Map<string, Element>()
  private shown = -1
  private timer?: number
  /** Counts the loads. Only the last one is drawn. */
  private loads = 0

  constructor() {
    super()
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    this.root.adoptedStyleSheets = [sheet]
    this.button.addEventListener('click', () => (this.timer === undefined ? this.play() : this.pause()))
    this.root.addEventListener('keydown', (event) => this.moveFocus(event as KeyboardEvent))
    for (const type of ['click', 'focusin', 'pointerover']) {
      this.root.addEventListener(type, ({ target }) => {
        if (this.timer === undefined || type === 'click') this.look(target as Element)
      })
    }
  }

  attributeChangedCallback(): void {
    const load = ++this.loads
    // Attributes of one element change one after another.
    queueMicrotask(() => {
      if (load === this.loads) this.load(load)
    })
  }

  disconnectedCallback(): void {
    this.pause()
  }

  private async load(load: number): Promise<void> {
    const src = this.getAttribute('src')
    if (src === null) return
    try {
      const response = await fetch(new URL(src, document.baseURI))
      if (!response.ok) throw new Error(`the server answers ${response.status}`)
      const shape = { layers: this.number('layers'), topK: this.number('top-k') }
      const traces = readTrace(await response.text(), shape)
      if (load !== this.loads) return
      const trace = traces[this.number('text')]
      if (!trace?.tokens.length) throw new Error('it has no such text, or no tokens')
      this.draw(trace)
    } catch (error) {
      if (load === this.loads)
        this.root.replaceChildren(make('p', { role: 'alert' }, `${src}: ${(error as Error).message}`))
    }
  }

  private number(attribute: string): number {
    return Number(this.getAttribute(attribute) ?? 0)
  }

  /** Begins an empty text, for `add`. `mixtures` are in the config of its model. */
  begin(mixtures: readonly { kind: string; experts: number[] }[]): void {
    this.loads++
    this.draw({
      name: '',
      tokens: [],
      experts: Object.fromEntries(mixtures.map(({ kind, experts }) => [kind, experts])),
    })
  }

  /** Adds a token and shows its experts: a step of `generate` with `routes`. */
  add({ text, routes = [] }: { text: string; routes?: readonly Record<string, Routes>[] }): void {
    const woken = routes.flatMap((kinds, layer) =>
      Object.entries(kinds).map(([kind, { ids, gates }]) => ({ kind, layer, ids: [...ids], gates: [...gates] })),
    )
    const follows = this.shown === this.tokens.length - 1
    this.tokens.push({ text, woken })
    this.list.append(this.spanOf(text))
    // The reader may look at something else by now.
    if (follows) this.showToken(this.tokens.length - 1)
  }

  private draw({ name, tokens, experts }: Trace): void {
    this.pause()
    this.tokens = tokens
    this.spans = []
    this.list = make('div', { class: 'tokens', role: 'listbox', 'aria-label': `tokens of ${name || 'the text'}` })
    this.list.append(...tokens.map(({ text }) => this.spanOf(text)))
    const bar = make('div', { class: 'bar' }, this.button, this.caption)
    const map = make('div', { class: 'map' }, bar, this.drawMap(experts ?? this.expertsSeen()))
    this.root.replaceChildren(this.list, map)
    this.showAll()
  }

  private spanOf(text: string): Element {
    const span = make('span', { role: 'option', tabindex: this.spans.length === 0 ? 0 : -1 }, text)
    this.spans.push(span)
    return span
  }

  /** Numbers of experts by the largest ids, or by the attribute. */
  private expertsSeen(): Record<string, number[]> {
    const counts: Record<string, number[]> = {}
    for (const { kind, layer, ids } of this.tokens.flatMap(({ woken }) => woken)) {
      counts[kind] ??= []
      counts[kind][layer] = Math.max(counts[kind][layer] ?? this.number('experts'), ...ids.map((id) => id + 1))
    }
    return counts
  }

  /** Draws a map for each kind: a row is a layer, a cell is an expert. */
  private drawMap(experts: Record<string, number[]>): Element {
    this.cells = new Map()
    const kinds = Object.entries(experts).map(([kind, layers]) => {
      const title = TITLES[kind] ?? kind
      const parts = [draw('text', { x: LABELS, y: 14 }, title)]
      for (const [layer, count = 0] of layers.entries()) {
        const y = HEAD + layer * PITCH
        parts.push(draw('text', { x: 2, y: y + 11 }, `${layer}`))
        for (let expert = 0; expert < count; expert++) parts.push(this.cell({ kind, layer, expert }, y))
      }
      const [width, height] = [
        LABELS + Math.max(...layers.map((count) => count ?? 0), 5) * PITCH,
        HEAD + layers.length * PITCH,
      ]
      const size = { viewBox: `0 0 ${width} ${height}`, width: width * SCALE, height: height * SCALE }
      return draw('svg', { ...size, role: 'group', 'aria-label': `${title}: a row for each layer` }, ...parts)
    })
    return make('div', { class: 'kinds' }, ...kinds)
  }

  private cell({ kind, layer, expert }: { kind: string; layer: number; expert: number }, y: number): SVGElement {
    const place = `${kind} ${layer} ${expert}`
    const label = `layer ${layer}, ${kind === 'experts' ? '' : `${TITLES[kind]} `}expert ${expert}`
    const box = { x: LABELS + expert * PITCH, y, width: SIDE, height: SIDE, rx: 3 }
    const tabindex = this.cells.size === 0 ? 0 : -1
    const cell = draw('rect', { ...box, role: 'img', 'aria-label': label, tabindex, 'data-place': place })
    this.cells.set(place, cell)
    return cell
  }

  /** Shows what an element is about: a token, or an expert. */
  private look(element: Element): void {
    const place = element.getAttribute?.('data-place')
    if (place) this.showExpert(place)
    else if (this.spans.includes(element)) {
      this.pause()
      this.showToken(this.spans.indexOf(element))
    }
  }

  /** Shows how often the text wakes each expert. */
  private showAll(): void {
    this.pause()
    this.clear()
    const uses = new Map<string, number>()
    for (const { kind, layer, ids } of this.tokens.flatMap(({ woken }) => woken)) {
      for (const id of ids) uses.set(`${kind} ${layer} ${id}`, (uses.get(`${kind} ${layer} ${id}`) ?? 0) + 1)
    }
    const most = Math.max(...uses.values())
    for (const [place, count] of uses) this.paint(place, count / most)
    this.caption.textContent = 'how often each expert woke: the stronger the colour, the more often'
  }

  private showToken(at: number): void {
    this.clear()
    this.shown = at
    const { text, woken } = this.tokens[at]
    this.spans[at].classList.add('now')
    this.spans[at].setAttribute('aria-selected', 'true')
    for (const { kind, layer, ids, gates } of woken) {
      const most = gates?.length ? Math.max(...gates) : 1
      for (const [i, id] of ids.entries()) this.paint(`${kind} ${layer} ${id}`, (gates?.[i] ?? 1) / most)
    }
    this.caption.textContent = `experts that “${text.trim()}” wakes`
  }

  private showExpert(place: string): void {
    this.clear()
    const [kind, layer, expert] = place.split(' ')
    const wakes = ({ woken }: Token) =>
      woken.some((one) => one.kind === kind && one.layer === Number(layer) && one.ids.includes(Number(expert)))
    const lit = this.spans.filter((_, i) => wakes(this.tokens[i]))
    for (const span of lit) span.classList.add('lit')
    const cell = this.cells.get(place)
    cell?.classList.add('on')
    this.caption.textContent = `${cell?.getAttribute('aria-label')}: ${lit.length} of ${this.tokens.length} tokens wake it`
  }

  private clear(): void {
    this.shown = -1
    for (const element of this.root.querySelectorAll('.now,.lit,rect[class]')) element.removeAttribute('class')
    for (const span of this.root.querySelectorAll('[aria-selected]')) span.removeAttribute('aria-selected')
  }

  private paint(place: string, share: number): void {
    this.cells.get(place)?.setAttribute('class', `r${1 + LEVELS.filter((least) => share >= least).length}`)
  }

  private play(): void {
    this.caption.setAttribute('aria-live', 'off')
    this.button.textContent = 'Pause'
    this.showToken((this.shown + 1) % this.tokens.length)
    this.timer = window.setInterval(() => {
      if (this.shown + 1 < this.tokens.length) this.showToken(this.shown + 1)
      else this.showAll()
    }, 1000 / TOKENS_A_SECOND)
  }

  private pause(): void {
    clearInterval(this.timer)
    this.timer = undefined
    this.button.textContent = 'Play'
    this.caption.setAttribute('aria-live', 'polite')
  }

  /** The tokens are one Tab stop, and the map is another; the arrow keys move within each. */
  private moveFocus(event: KeyboardEvent): void {
    if (event.key === 'Escape') this.showAll()
    const from = event.target as HTMLElement
    const place = from.getAttribute('data-place')?.split(' ')
    const all = place ? [...this.cells.values()] : this.spans
    const at = all.indexOf(from)
    const rows = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key]
    const to = place && rows ? this.cells.get(`${place[0]} ${Number(place[1]) + rows} ${place[2]}`) : all[steps ?? -1]
    if (at < 0 || !to) return
    event.preventDefault()
    from.setAttribute('tabindex', '-1')
    to.setAttribute('tabindex', '0')
    ;(to as HTMLElement).focus()
  }
}

type Attributes = Record<string, string | number>

function make<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes, ...inner: (Node | string)[]) {
  return filled(document.createElement(name), attributes, inner)
}

function draw(name: string, attributes: Attributes, ...inner: (Node | string)[]) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, inner)
}

function filled<E extends Element>(element: E, attributes: Attributes, inner: (Node | string)[]): E {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...inner)
  return element
}

customElements.define('molm-map', MolmMap)
