/**
 * What happens on the page when the reader points at a token, a layer or an expert, walks over the cells with the arrow
 * keys, or pins one by a click or Enter: then it stays until another is pinned or Escape is pressed.
 */
export const PAGE_SCRIPT = `
for (const svg of document.querySelectorAll('svg')) {
  const cells = [...svg.querySelectorAll('[data-expert]')]
  const place = new Map(cells.map((cell) => [cell.dataset.expert, cell]))
  for (const cell of cells) {
    cell.setAttribute('role', 'img')
    cell.setAttribute('tabindex', cell === cells[0] ? '0' : '-1')
  }
  svg.addEventListener('keydown', (event) => {
    const at = cells.indexOf(event.target)
    if (at < 0) return
    const [kind, layer, expert] = event.target.dataset.expert.split(' ')
    const next = {
      ArrowRight: cells[at + 1], ArrowLeft: cells[at - 1],
      ArrowDown: place.get(kind + ' ' + (Number(layer) + 1) + ' ' + expert), ArrowUp: place.get(kind + ' ' + (layer - 1) + ' ' + expert),
      Home: cells[0], End: cells.at(-1),
    }[event.key]
    if (!next) return
    event.preventDefault()
    event.target.setAttribute('tabindex', '-1')
    next.setAttribute('tabindex', '0')
    next.focus()
  })
}
for (const section of document.querySelectorAll('section.text')) {
  const routes = JSON.parse(section.querySelector('script').textContent)
  const tokens = [...section.querySelectorAll('.tokens span')]
  const detail = section.querySelector('.detail')
  const sign = section.querySelector('.pin')
  const cells = new Map([...section.querySelectorAll('[data-expert]')].map((cell) => [cell.dataset.expert, cell]))
  const heads = [...section.querySelectorAll('.layer > text:first-child')]
  for (const head of heads) head.setAttribute('tabindex', '0')
  const kinds = section.dataset.kinds.split(' ')
  let pinned
  const clear = () => {
    for (const element of [...cells.values(), ...heads]) element.classList.remove('on')
    for (const token of tokens) token.style.background = ''
    detail.textContent = ''
  }
  const showToken = (token) => {
    clear()
    token.style.background = 'var(--lit)'
    const lines = routes[token.dataset.i].map((layer, l) => 'layer ' + l + ': ' + kinds.map((kind, k) => {
      const [ids, gates] = [layer[2 * k], layer[2 * k + 1]]
      for (const id of ids) cells.get(kind + ' ' + l + ' ' + id).classList.add('on')
      const chosen = ids.map((id, i) => id + ' ' + (gates[i] / 1000).toFixed(2).replace(/^0/, ''))
      return kind + ' ' + (chosen.join('  ') || 'dense')
    }).join('  '))
    detail.replaceChildren(...lines.map((line) => Object.assign(document.createElement('div'), { textContent: line })))
  }
  const light = (gateOf) => {
    clear()
    routes.forEach((layers, i) => {
      const gate = gateOf(layers)
      if (gate > 0) tokens[i].style.background = 'color-mix(in srgb, var(--lit) ' + Math.min(100, 25 + gate / 8) + '%, transparent)'
    })
  }
  const showExpert = (cell) => {
    const [kind, layer, expert] = cell.dataset.expert.split(' ')
    const k = 2 * kinds.indexOf(kind)
    light((layers) => layers[layer][k + 1][layers[layer][k].indexOf(Number(expert))] ?? 0)
    cell.classList.add('on')
    detail.textContent = cell.querySelector('title').textContent
  }
  const showLayer = (head) => {
    const l = head.parentNode.dataset.layer
    light((layers) => layers[l].at(-1)[0] ?? 0)
    head.classList.add('on')
    detail.textContent = 'layer ' + l + ': how sure the ' + kinds.at(-1) + ' router was of its first expert, token by token'
  }
  const pin = (element, show) => {
    pinned?.element.classList.remove('pinned')
    pinned = element && pinned?.element !== element ? { element, show } : null
    pinned?.element.classList.add('pinned')
    sign.textContent = pinned ? 'pinned; Escape lets go' : ''
    if (pinned) show(element)
    else clear()
  }
  const all = [...tokens.map((token) => [token, showToken]), ...[...cells.values()].map((cell) => [cell, showExpert]), ...heads.map((head) => [head, showLayer])]
  for (const [element, show] of all) {
    element.addEventListener('mouseenter', () => pinned || show(element))
    element.addEventListener('focus', () => pinned || show(element))
    element.addEventListener('click', () => pin(element, show))
    element.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      pin(element, show)
    })
  }
  section.addEventListener('mouseleave', () => pinned || clear())
  document.addEventListener('keydown', (event) => event.key === 'Escape' && pinned && pin())
}
`
