/** How the page of a report looks. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6570; --paper: #ffffff; --line: #d8dde3; --lit: #fbe68a; --edge: #d1242f; --cell: none }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa4af; --paper: #14181d; --line: #323a43; --lit: #6b5a12; --edge: #ff7b72; --cell: #46515e }
}
body { font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.5rem }
svg { max-width: 100%; height: auto } svg text { font: 11px ui-sans-serif, system-ui, sans-serif; fill: var(--ink) }
rect[data-expert] { stroke: var(--cell); stroke-width: .7 } rect[data-expert].on { stroke: var(--edge); stroke-width: 2.5 }
.layer text:first-child { cursor: default; font-weight: 600 }
.tokens { font: 14px/1.9 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; padding-top: .7rem }
.tokens span { border-radius: 3px; cursor: default; scroll-margin: 16rem 0 4rem } .tokens span:hover, .tokens span:focus { outline: 2px solid var(--edge) }
.map { position: sticky; top: 0; z-index: 1; max-height: 66vh; overflow-y: auto; background: var(--paper); border-bottom: 1px solid var(--line); padding: .4rem 0 }
.detail { font: 11px/1.6 ui-monospace, monospace; white-space: pre; overflow-x: auto; color: var(--soft); min-height: calc(var(--layers) * 1.6em); margin-top: .3rem }
@media (min-width: 64rem) { .detail { columns: 2; column-gap: 1.5rem; min-height: calc((var(--layers) + 1) * .8em) } .detail div { overflow: hidden; text-overflow: ellipsis } }
table { border-collapse: collapse; font-size: 13px } td, th { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td code { white-space: pre; background: color-mix(in srgb, var(--line) 60%, transparent); border-radius: 3px; padding: 0 .25em }
.note { color: var(--soft) }
`

/** What happens on the page when the reader points at something. */
export const PAGE_SCRIPT = `
for (const section of document.querySelectorAll('section.text')) {
  const routes = JSON.parse(section.querySelector('script').textContent)
  const tokens = [...section.querySelectorAll('.tokens span')]
  const detail = section.querySelector('.detail')
  const cells = new Map([...section.querySelectorAll('rect[data-expert]')].map((cell) => [cell.dataset.expert, cell]))
  const kinds = section.dataset.kinds.split(' ')
  const clear = () => {
    for (const cell of cells.values()) cell.classList.remove('on')
    for (const token of tokens) token.style.background = ''
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
  for (const token of tokens) {
    token.addEventListener('mouseenter', () => showToken(token))
    token.addEventListener('focus', () => showToken(token))
  }
  for (const [name, cell] of cells) {
    const [kind, layer, expert] = name.split(' ')
    const k = 2 * kinds.indexOf(kind)
    cell.addEventListener('mouseenter', () => {
      light((layers) => layers[layer][k + 1][layers[layer][k].indexOf(Number(expert))] ?? 0)
      cell.classList.add('on')
      detail.textContent = cell.textContent
    })
  }
  for (const row of section.querySelectorAll('.layer')) {
    const l = row.dataset.layer
    row.querySelector('text').addEventListener('mouseenter', () => {
      light((layers) => layers[l].at(-1)[0] ?? 0)
      detail.textContent = 'layer ' + l + ': how sure the ' + kinds.at(-1) + ' router was of its first expert, token by token'
    })
  }
  section.addEventListener('mouseleave', clear)
}
`
