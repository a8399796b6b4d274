import type { PageRoutes, PageVoice } from './page-data.js'

/*
 * Shows details of the token, layer or expert that the user points at or that has the focus. A click or Enter pins one
 * until another is pinned or Escape is pressed.
 *
 * Two pages run this module. The page that `molm experts` writes has it inline, with the routes in each section. The page of
 * `molm serve` sets `section.routes` as they come, so no listener is bound to an element: each looks up the elements at the
 * time of the event. The page drives it by events: `drawn` says that an element has new maps, `show` asks to show a token
 * unless the user points at something else, and `hide` ends that. A section dispatches `pinned` when its pinned element
 * changes.
 *
 * It imports types only, since the written page is a single file.
 */

/** The section of a text and its map. */
export interface TextSection extends HTMLElement {
  /** Per token; read from the section's JSON script if not set. */
  routes?: PageRoutes[]
  /** Voices of the experts of some tokens, by the numbers of the tokens; read in the same way. */
  voices?: Record<string, PageVoice[]>
}

type Explorable = HTMLElement | SVGElement

/** Cells narrower than this get a tick for each expert of a token: frames would hide them and their neighbours. */
const LEAST_FRAMED = 7
const TICK_HEIGHT = 3

interface State {
  /** Tokens with a background. */
  lit: HTMLElement[]
  /** Cells and heads with a frame. */
  framed: Element[]
  /** Frames and ticks, drawn above all cells. */
  marks: Element[]
  shown: Explorable | null
  pinned: Explorable | null
  isPointed: boolean
}

/** Tokens, cells and the numbers of layers, which focus.ts makes Tab stops. */
const EXPLORABLE = '.tokens [data-i], [data-expert], .layer > [tabindex]'

const nothing = (): Pick<State, 'lit' | 'framed' | 'marks' | 'shown'> => ({
  lit: [],
  framed: [],
  marks: [],
  shown: null,
})

const states = new WeakMap<TextSection, State>()

function stateOf(section: TextSection): State {
  const state = states.get(section) ?? { ...nothing(), pinned: null, isPointed: false }
  states.set(section, state)
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

/** Finds the cell of an expert by its `data-expert`: kind, layer and id. */
function cellAt(svg: Element, name: string): SVGElement | undefined {
  let cells = cellsByName.get(svg)
  if (!cells) {
    cells = new Map(all<SVGElement>(svg, '[data-expert]').map((cell) => [cell.dataset.expert, cell]))
    cellsByName.set(svg, cells)
  }
  return cells.get(name)
}

/** Gives sections height for the lines of the detail. */
function prepare(root: ParentNode): void {
  for (const section of all<HTMLElement>(root, 'section.text[data-layers]')) {
    section.style.setProperty('--layers', section.dataset.layers ?? '')
  }
}

/** Frames a cell or a head; a small cell that is one of a token's many gets a tick. */
function frame(state: State, element: Element | undefined, isOneOfMany = false): void {
  if (!element) return
  element.classList.add('on')
  state.framed.push(element)
  const box = element.matches('rect') ? element : element.querySelector('rect')
  const place = element.closest('.layer')?.parentNode
  if (!box || !place) return
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)))
  const isSmall = width < LEAST_FRAMED
  const isTick = isSmall && isOneOfMany
  const mark = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  const top = isTick ? y + height - TICK_HEIGHT : y
  for (const [name, value] of Object.entries({ x, y: top, width, height: isTick ? TICK_HEIGHT : height })) {
    mark.setAttribute(name, String(value))
  }
  mark.setAttribute('class', isTick ? 'tick' : isSmall ? 'frame small' : 'frame')
  if (element.hasAttribute('transform')) mark.setAttribute('transform', element.getAttribute('transform') ?? '')
  place.append(mark)
  state.marks.push(mark)
}

function clear(section: TextSection): void {
  const state = stateOf(section)
  for (const element of state.framed) element.classList.remove('on')
  for (const mark of state.marks) mark.remove()
  for (const token of state.lit) token.style.background = ''
  Object.assign(state, nothing())
  section.classList.remove('lighting')
  setDetail(section, '')
}

/** Frames the experts of a token, and lists them below its name. */
function showToken(section: TextSection, token: Explorable): void {
  const [state, kinds, svg] = [stateOf(section), kindsOf(section), find(section, '.map svg')]
  const parts = partsOf(token)
  for (const part of parts) light(state, part, 'var(--lit)')
  const lines = routesOf(section)[Number(token.dataset.i)].map((layer, l) => {
    const chosen = kinds.map((kind, k) => {
      const [ids, gates] = [layer[2 * k], layer[2 * k + 1]]
      for (const [i, id] of ids.entries()) {
        const cell = cellAt(svg, `${kind} ${l} ${id}`)
        cell?.style.setProperty('--strength', `${Math.round(30 + (70 * gates[i]) / Math.max(...gates))}%`)
        frame(state, cell, true)
      }
      const experts = ids.map((id, i) => {
        // The router's first choice has its name, if it has one.
        const name = i === 0 ? cellAt(svg, `${kind} ${l} ${id}`)?.dataset.name : undefined
        const gate = gates[i] < 0 ? '' : ` ${(gates[i] / 100).toFixed(2).replace(/^0/, '')}`
        return `${id}${name ? ` (${name})` : ''}${gate}`
      })
      return `${kind} ${experts.join('  ') || 'dense'}`
    })
    const line = document.createElement('div')
    line.textContent = `layer ${l}: ${chosen.join('  ')}`
    return line
  })
  const name = document.createElement('div')
  // A page shows a line break as a sign and a break.
  const text = parts
    .map(({ textContent }) => textContent)
    .join('')
    .replaceAll('⏎\n', '\n')
  name.textContent = `experts of ${JSON.stringify(text)}`
  find(section, '.detail').replaceChildren(name, ...lines)
}

/** The elements of a token; Markdown divides some. */
function partsOf(token: Explorable): HTMLElement[] {
  return all<HTMLElement>(token.closest('.tokens') ?? token, `[data-i="${token.dataset.i}"]`)
}

function light(state: State, token: HTMLElement, background: string): void {
  token.style.background = background
  state.lit.push(token)
}

/** Lights all tokens with a gate; the larger the gate, the stronger. A gate of -1 is not known. */
function lightByGate(section: TextSection, gateOf: (layers: PageRoutes) => number | undefined): void {
  const [state, routes] = [stateOf(section), routesOf(section)]
  const largest = Number(section.dataset.largestGate ?? 1)
  section.classList.add('lighting')
  for (const token of all<HTMLElement>(section, '.tokens [data-i]')) {
    const gate = gateOf(routes[Number(token.dataset.i)])
    if (gate === undefined) continue
    const strength = gate < 0 ? 100 : Math.min(100, 25 + gate / largest / 0.8)
    light(state, token, `color-mix(in srgb, var(--lit) ${strength}%, transparent)`)
  }
}

/** Lights the tokens that wake an expert, which the user points at in the map or in a legend. */
function showExpert(section: TextSection, place: Explorable): void {
  const cell = cellAt(find(section, '.map svg'), place.dataset.expert ?? '') ?? place
  const [kind, layer, expert] = cell.dataset.expert?.split(' ') ?? []
  const k = 2 * kindsOf(section).indexOf(kind)
  lightByGate(section, (layers) => {
    const [ids, gates] = layers[Number(layer)].slice(k, k + 2)
    return gates[ids.indexOf(Number(expert))]
  })
  frame(stateOf(section), cell)
  setDetail(section, cell.querySelector('title')?.textContent ?? '')
}

/** Lights each token by the gate of its first expert in a layer. */
function showLayer(section: TextSection, head: Explorable): void {
  const layer = head.parentElement?.dataset.layer
  lightByGate(section, (layers) => layers[Number(layer)].at(-1)?.[0])
  frame(stateOf(section), head)
  const kind = kindsOf(section).at(-1)
  setDetail(section, `layer ${layer}: gate of each token’s first ${kind} expert`)
}

function show(section: TextSection, element: Explorable): void {
  clear(section)
  stateOf(section).shown = element
  if (element.matches('[data-i]')) showToken(section, element)
  else if (element.matches('[data-expert]')) showExpert(section, element)
  else showLayer(section, element)
}

/** Pins an element instead of the pinned one. Without an element, or with the pinned one, only unpins. */
function pin(section: TextSection, element?: Explorable): void {
  const state = stateOf(section)
  const before = state.pinned
  before?.classList.remove('pinned')
  state.pinned = element && before !== element ? element : null
  state.pinned?.classList.add('pinned')
  find(section, '.pin').textContent = state.pinned ? 'pinned; Escape unpins' : ''
  if (state.pinned) show(section, state.pinned)
  else clear(section)
  section.dispatchEvent(new CustomEvent('pinned', { detail: state.pinned }))
}

/** Shows the same details in a new or moved map. */
function showAgain(section: TextSection): void {
  const state = stateOf(section)
  const [svg, { shown }] = [section.querySelector('.map svg'), state]
  if (!svg || !shown) return
  const again = shown.isConnected ? shown : cellAt(svg, shown.dataset.expert ?? '')
  if (state.pinned === shown) {
    state.pinned = again ?? null
    again?.classList.add('pinned')
  }
  if (again) show(section, again)
  else clear(section)
}

/** The token, cell or layer head of an event, and its section. */
function targetOf({ target }: Event): { element?: Explorable; section?: TextSection } {
  // The document may be a target, too.
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
for (const type of ['show', 'hide']) {
  document.addEventListener(type, (event) => {
    const { element, section } = targetOf(event)
    if (!section || stateOf(section).pinned || stateOf(section).isPointed) return
    if (type === 'hide') clear(section)
    else if (element) show(section, element)
  })
}
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
  if (!element || !section || (event.key !== 'Enter' && event.key !== ' ')) return
  event.preventDefault()
  pin(section, element)
})
document.addEventListener('drawn', ({ target }) => {
  const place = target as Element
  prepare(place)
  const section = place.closest<TextSection>('section.text')
  if (section) showAgain(section)
})
prepare(document)
