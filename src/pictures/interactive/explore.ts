import type { PageRoutes } from './page-routes.js'

/*
 * Lets the reader point at a token, a layer or an expert, walk over tokens or cells with the arrow keys, and pin one by a
 * click or Enter until another is pinned or Escape is pressed.
 *
 * Both pages run this module: the one that `molm experts` writes, which has it inline and its routes in each section, and
 * the one of `molm serve`, which sets `section.routes` as they come. So no listener is bound to an element: each looks up
 * what is on the page when something happens. The event `drawn` says that an element has new maps in it, and the event
 * `show` asks to show a token unless the reader looks at something else.
 *
 * It imports types only, since the written page is a single file.
 */

/** A text with its map. */
export interface TextSection extends HTMLElement {
  /** Per token; read from the section's JSON script if not set. */
  routes?: PageRoutes[]
}

type Explorable = HTMLElement | SVGElement

/** What a section shows. */
interface State {
  /** Tokens with a background. */
  lit: HTMLElement[]
  /** Cells and heads with a frame. */
  framed: Element[]
  pinned: Explorable | null
  isPointed: boolean
}

const EXPLORABLE = '.tokens [data-i], [data-expert], .layer > text:first-child'

const states = new WeakMap<TextSection, State>()

function stateOf(section: TextSection): State {
  let state = states.get(section)
  if (!state) {
    state = { lit: [], framed: [], pinned: null, isPointed: false }
    states.set(section, state)
  }
  return state
}

function routesOf(section: TextSection): PageRoutes[] {
  section.routes ??= JSON.parse(find(section, 'script').textContent)
  return section.routes as PageRoutes[]
}

function kindsOf(section: TextSection): string[] {
  return section.dataset.kinds?.split(' ') ?? []
}

function find(root: ParentNode, selector: string): Element {
  const element = root.querySelector(selector)
  if (!element) throw new Error(`the page has no ${selector}`)
  return element
}

function all<E extends Explorable>(root: ParentNode, selector: string): E[] {
  return [...root.querySelectorAll<E>(selector)]
}

function setDetail(section: TextSection, text: string): void {
  find(section, '.detail').textContent = text
}

const cellsByName = new WeakMap<Element, Map<string | undefined, SVGElement>>()

/** The cell of an expert, by its `data-expert`: kind, layer and id. */
function cellAt(svg: Element, name: string): SVGElement | undefined {
  let cells = cellsByName.get(svg)
  if (!cells) {
    cells = new Map(all<SVGElement>(svg, '[data-expert]').map((cell) => [cell.dataset.expert, cell]))
    cellsByName.set(svg, cells)
  }
  return cells.get(name)
}

/** Gives new maps and sections what the markup leaves out: stops of the Tab key, and room for the detail's lines. */
function prepare(root: ParentNode): void {
  for (const svg of root.querySelectorAll('svg')) {
    for (const [i, cell] of svg.querySelectorAll('[data-expert]').entries()) {
      cell.setAttribute('role', 'img')
      cell.setAttribute('tabindex', i === 0 ? '0' : '-1')
    }
    if (!svg.closest('section.text')) continue
    for (const head of svg.querySelectorAll('.layer > text:first-child')) head.setAttribute('tabindex', '0')
  }
  for (const section of all<HTMLElement>(root, 'section.text[data-layers]')) {
    section.style.setProperty('--layers', section.dataset.layers ?? '')
  }
}

/** Moves the focus from a cell or token to the one that an arrow key, Home or End means. */
function walk(event: KeyboardEvent, from: Explorable): void {
  const next = from.matches('[data-expert]') ? nextCell(event.key, from) : nextToken(event.key, from)
  if (!next) return
  event.preventDefault()
  from.setAttribute('tabindex', '-1')
  next.setAttribute('tabindex', '0')
  next.focus()
}

function nextCell(key: string, from: Explorable): Explorable | undefined {
  const svg = from.closest('svg')
  if (!svg) return undefined
  const [kind, layer, expert] = from.dataset.expert?.split(' ') ?? []
  if (key === 'ArrowDown') return cellAt(svg, `${kind} ${Number(layer) + 1} ${expert}`)
  if (key === 'ArrowUp') return cellAt(svg, `${kind} ${Number(layer) - 1} ${expert}`)
  return beside(key, from, all(svg, '[data-expert]'))
}

function nextToken(key: string, from: Explorable): Explorable | undefined {
  const text = from.matches('.tokens [data-i]') && from.closest('.tokens')
  return text ? beside(key, from, all(text, '[data-i]')) : undefined
}

function beside(key: string, from: Explorable, row: Explorable[]): Explorable | undefined {
  const at = row.indexOf(from)
  switch (key) {
    case 'ArrowRight':
      return row[at + 1]
    case 'ArrowLeft':
      return row[at - 1]
    case 'Home':
      return row[0]
    case 'End':
      return row.at(-1)
  }
}

function frame(state: State, element: Element | undefined): void {
  if (!element) return
  element.classList.add('on')
  state.framed.push(element)
}

function clear(section: TextSection): void {
  const state = stateOf(section)
  for (const element of state.framed) element.classList.remove('on')
  for (const token of state.lit) token.style.background = ''
  state.framed = []
  state.lit = []
  setDetail(section, '')
}

/** Frames the experts of a token and lists them. */
function showToken(section: TextSection, token: Explorable): void {
  const [state, kinds, svg] = [stateOf(section), kindsOf(section), find(section, '.map svg')]
  light(state, token as HTMLElement, 'var(--lit)')
  const lines = routesOf(section)[Number(token.dataset.i)].map((layer, l) => {
    const chosen = kinds.map((kind, k) => {
      const [ids, gates] = [layer[2 * k], layer[2 * k + 1]]
      for (const id of ids) frame(state, cellAt(svg, `${kind} ${l} ${id}`))
      const experts = ids.map((id, i) => `${id} ${(gates[i] / 1000).toFixed(2).replace(/^0/, '')}`)
      return `${kind} ${experts.join('  ') || 'dense'}`
    })
    const line = document.createElement('div')
    line.textContent = `layer ${l}: ${chosen.join('  ')}`
    return line
  })
  find(section, '.detail').replaceChildren(...lines)
}

function light(state: State, token: HTMLElement, background: string): void {
  token.style.background = background
  state.lit.push(token)
}

/** Lights the tokens that have a gate, the more the larger it is. */
function lightByGate(section: TextSection, gateOf: (layers: PageRoutes) => number | undefined): void {
  const [state, routes] = [stateOf(section), routesOf(section)]
  for (const token of all<HTMLElement>(section, '.tokens [data-i]')) {
    const gate = gateOf(routes[Number(token.dataset.i)])
    if (gate === undefined) continue
    light(state, token, `color-mix(in srgb, var(--lit) ${Math.min(100, 25 + gate / 8)}%, transparent)`)
  }
}

/** Lights the tokens that wake an expert. */
function showExpert(section: TextSection, cell: Explorable): void {
  const [kind, layer, expert] = cell.dataset.expert?.split(' ') ?? []
  const k = 2 * kindsOf(section).indexOf(kind)
  lightByGate(section, (layers) => {
    const [ids, gates] = layers[Number(layer)].slice(k, k + 2)
    return gates[ids.indexOf(Number(expert))]
  })
  frame(stateOf(section), cell)
  setDetail(section, find(cell, 'title').textContent ?? '')
}

/** Lights the tokens whose router was sure of their first expert in a layer. */
function showLayer(section: TextSection, head: Explorable): void {
  const layer = head.parentElement?.dataset.layer
  lightByGate(section, (layers) => layers[Number(layer)].at(-1)?.[0])
  frame(stateOf(section), head)
  const kind = kindsOf(section).at(-1)
  setDetail(section, `layer ${layer}: how sure the ${kind} router was of its first expert, token by token`)
}

function show(section: TextSection, element: Explorable): void {
  clear(section)
  if (element.matches('[data-i]')) showToken(section, element)
  else if (element.matches('[data-expert]')) showExpert(section, element)
  else showLayer(section, element)
}

/** Pins an element in place of the one that was pinned; without one, or with the same again, pins none. */
function pin(section: TextSection, element?: Explorable): void {
  const state = stateOf(section)
  const before = state.pinned
  before?.classList.remove('pinned')
  state.pinned = element && before !== element ? element : null
  state.pinned?.classList.add('pinned')
  find(section, '.pin').textContent = state.pinned ? 'pinned; Escape lets go' : ''
  if (state.pinned) show(section, state.pinned)
  else clear(section)
}

/** The token, cell or layer that an event is about, and its text. */
function targetOf({ target }: Event): { element?: Explorable; section?: TextSection } {
  // A text node may be a target, too.
  if (!(target instanceof Element)) return {}
  const element = target.closest<Explorable>(EXPLORABLE) ?? undefined
  return { element, section: (element ?? target).closest<TextSection>('section.text') ?? undefined }
}

for (const type of ['mouseover', 'focusin']) {
  document.addEventListener(type, (event) => {
    const { element, section } = targetOf(event)
    if (!section) return
    const state = stateOf(section)
    state.isPointed = element !== undefined
    if (element && !state.pinned) show(section, element)
  })
}
for (const type of ['mouseout', 'focusout'] as const) {
  document.addEventListener(type, (event) => {
    const { section } = targetOf(event)
    if (!section || section.contains(event.relatedTarget as Node | null)) return
    const state = stateOf(section)
    state.isPointed = false
    if (!state.pinned && type === 'mouseout') clear(section)
  })
}
document.addEventListener('show', (event) => {
  const { element, section } = targetOf(event)
  if (!element || !section) return
  const { pinned, isPointed } = stateOf(section)
  if (!pinned && !isPointed) show(section, element)
})
document.addEventListener('click', (event) => {
  const { element, section } = targetOf(event)
  if (element && section) pin(section, element)
})
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    for (const section of all<TextSection>(document, 'section.text')) if (stateOf(section).pinned) pin(section)
    return
  }
  const { element, section } = targetOf(event)
  if (!element) return
  if (event.key !== 'Enter' && event.key !== ' ') walk(event, element)
  else if (section) {
    event.preventDefault()
    pin(section, element)
  }
})
document.addEventListener('drawn', ({ target }) => prepare(target as Element))
prepare(document)
