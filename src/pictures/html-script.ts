/**
 * What happens on a page when the reader points at a token, a layer or an expert, walks over tokens or cells with the
 * arrow keys, or pins one by a click or Enter: then it stays until another is pinned or Escape is pressed.
 *
 * It serves the written page of a text, whose routes lie in the page, as well as the live one of `molm serve`, which
 * gives each section its routes as `section.routes` while they come. So nothing is bound to an element: it looks up what
 * is there when something happens. It hears of a map that was put in by the event `drawn`, and shows a token at the
 * event `show` unless the reader looks at something else.
 */
export const PAGE_SCRIPT = `{
const EXPLORABLE = '.tokens [data-i], [data-expert], .layer > text:first-child'
const states = new WeakMap()
const stateOf = (section) => {
  if (!states.has(section)) states.set(section, { lit: [], framed: [], pinned: null, isPointed: false })
  return states.get(section)
}
const routesOf = (section) => section.routes ??= JSON.parse(section.querySelector('script').textContent)
const kindsOf = (section) => section.dataset.kinds.split(' ')
const places = new WeakMap()
const cellAt = (svg, name) => {
  if (!places.has(svg)) places.set(svg, new Map([...svg.querySelectorAll('[data-expert]')].map((cell) => [cell.dataset.expert, cell])))
  return places.get(svg).get(name)
}

const prepare = (root) => {
  for (const svg of root.querySelectorAll('svg')) {
    svg.querySelectorAll('[data-expert]').forEach((cell, i) => {
      cell.setAttribute('role', 'img')
      cell.setAttribute('tabindex', i === 0 ? '0' : '-1')
    })
    if (svg.closest('section.text')) for (const head of svg.querySelectorAll('.layer > text:first-child')) head.setAttribute('tabindex', '0')
  }
  for (const section of root.querySelectorAll('section.text[data-layers]')) section.style.setProperty('--layers', section.dataset.layers)
}

const walk = (event) => {
  const from = event.target
  let next
  if (from.matches('[data-expert]')) {
    const svg = from.closest('svg')
    const cells = [...svg.querySelectorAll('[data-expert]')]
    const [kind, layer, expert] = from.dataset.expert.split(' ')
    const beside = (step) => cellAt(svg, kind + ' ' + (Number(layer) + step) + ' ' + expert)
    const at = cells.indexOf(from)
    next = { ArrowRight: cells[at + 1], ArrowLeft: cells[at - 1], ArrowDown: beside(1), ArrowUp: beside(-1), Home: cells[0], End: cells.at(-1) }[event.key]
  } else if (from.matches('.tokens [data-i]')) {
    const tokens = [...from.closest('.tokens').querySelectorAll('[data-i]')]
    const at = tokens.indexOf(from)
    next = { ArrowRight: tokens[at + 1], ArrowLeft: tokens[at - 1], Home: tokens[0], End: tokens.at(-1) }[event.key]
  }
  if (!next) return
  event.preventDefault()
  from.setAttribute('tabindex', '-1')
  next.setAttribute('tabindex', '0')
  next.focus()
}

const frame = (state, element) => {
  element.classList.add('on')
  state.framed.push(element)
}
const clear = (section) => {
  const state = stateOf(section)
  for (const element of state.framed) element.classList.remove('on')
  for (const token of state.lit) token.style.background = ''
  state.framed = []
  state.lit = []
  section.querySelector('.detail').textContent = ''
}
const showToken = (section, token) => {
  const [state, kinds, svg] = [stateOf(section), kindsOf(section), section.querySelector('.map svg')]
  token.style.background = 'var(--lit)'
  state.lit.push(token)
  const lines = routesOf(section)[token.dataset.i].map((layer, l) => 'layer ' + l + ': ' + kinds.map((kind, k) => {
    const [ids, gates] = [layer[2 * k], layer[2 * k + 1]]
    for (const id of ids) frame(state, cellAt(svg, kind + ' ' + l + ' ' + id))
    const chosen = ids.map((id, i) => id + ' ' + (gates[i] / 1000).toFixed(2).replace(/^0/, ''))
    return kind + ' ' + (chosen.join('  ') || 'dense')
  }).join('  '))
  section.querySelector('.detail').replaceChildren(...lines.map((line) => Object.assign(document.createElement('div'), { textContent: line })))
}
const light = (section, gateOf) => {
  const [state, routes] = [stateOf(section), routesOf(section)]
  for (const token of section.querySelectorAll('.tokens [data-i]')) {
    const gate = gateOf(routes[token.dataset.i])
    if (typeof gate !== 'number') continue
    token.style.background = 'color-mix(in srgb, var(--lit) ' + Math.min(100, 25 + gate / 8) + '%, transparent)'
    state.lit.push(token)
  }
}
const showExpert = (section, cell) => {
  const [kind, layer, expert] = cell.dataset.expert.split(' ')
  const k = 2 * kindsOf(section).indexOf(kind)
  light(section, (layers) => layers[layer][k + 1][layers[layer][k].indexOf(Number(expert))])
  frame(stateOf(section), cell)
  section.querySelector('.detail').textContent = cell.querySelector('title').textContent
}
const showLayer = (section, head) => {
  const l = head.parentNode.dataset.layer
  light(section, (layers) => layers[l].at(-1)[0])
  frame(stateOf(section), head)
  section.querySelector('.detail').textContent = 'layer ' + l + ': how sure the ' + kindsOf(section).at(-1) + ' router was of its first expert, token by token'
}
const show = (section, element) => {
  clear(section)
  const how = element.matches('[data-i]') ? showToken : element.matches('[data-expert]') ? showExpert : showLayer
  how(section, element)
}
const pin = (section, element) => {
  const state = stateOf(section)
  const before = state.pinned
  before?.classList.remove('pinned')
  state.pinned = element && before !== element ? element : null
  state.pinned?.classList.add('pinned')
  section.querySelector('.pin').textContent = state.pinned ? 'pinned; Escape lets go' : ''
  if (state.pinned) show(section, element)
  else clear(section)
}

const found = (event) => {
  const element = event.target.closest?.(EXPLORABLE)
  return [element, (element ?? event.target).closest?.('section.text')]
}
for (const type of ['mouseover', 'focusin']) {
  document.addEventListener(type, (event) => {
    const [element, section] = found(event)
    if (!section) return
    const state = stateOf(section)
    state.isPointed = Boolean(element)
    if (element && !state.pinned) show(section, element)
  })
}
for (const type of ['mouseout', 'focusout']) {
  document.addEventListener(type, (event) => {
    const [, section] = found(event)
    if (!section || section.contains(event.relatedTarget)) return
    const state = stateOf(section)
    state.isPointed = false
    if (!state.pinned && type === 'mouseout') clear(section)
  })
}
document.addEventListener('show', (event) => {
  const [element, section] = found(event)
  const { pinned, isPointed } = stateOf(section)
  if (!pinned && !isPointed) show(section, element)
})
document.addEventListener('click', (event) => {
  const [element, section] = found(event)
  if (element && section) pin(section, element)
})
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    for (const section of document.querySelectorAll('section.text')) if (stateOf(section).pinned) pin(section)
    return
  }
  const [element, section] = found(event)
  if (!element) return
  if (event.key !== 'Enter' && event.key !== ' ') walk(event)
  else if (section) {
    event.preventDefault()
    pin(section, element)
  }
})
document.addEventListener('drawn', (event) => prepare(event.target))
prepare(document)
}`
