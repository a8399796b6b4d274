/*
 * Moves the focus through texts and maps. One token of a text, one cell of a map and the number of one of its layers are
 * Tab stops; the arrow keys, Home and End move from there. explore.ts shows what has the focus. It imports
 * nothing, since the written page is a single file.
 */

type Focusable = HTMLElement | SVGElement

const TOKEN = '.tokens [data-i]'
const CELL = '[data-expert]'
/** The number of a layer. */
const HEAD = '.layer > text:first-child'

/** Makes Tab stops of new maps. Only texts have details of whole layers. */
function addTabStops(root: ParentNode): void {
  for (const svg of root.querySelectorAll('svg')) {
    for (const cell of svg.querySelectorAll(CELL)) cell.setAttribute('role', 'img')
    for (const kind of svg.closest('section.text') ? [CELL, HEAD] : [CELL]) {
      for (const [i, element] of svg.querySelectorAll(kind).entries()) {
        element.setAttribute('tabindex', i === 0 ? '0' : '-1')
      }
    }
  }
}

function nextFrom(from: Focusable, key: string): Focusable | undefined {
  if (from.matches(TOKEN)) return beside(from, key, from.closest('.tokens'), '[data-i]')
  const svg = from.closest('svg')
  if (from.matches(HEAD)) return beside(from, { ArrowDown: 'ArrowRight', ArrowUp: 'ArrowLeft' }[key] ?? key, svg, HEAD)
  const rows = { ArrowDown: 1, ArrowUp: -1 }[key]
  if (rows === undefined) return beside(from, key, svg, CELL)
  const [kind, layer, expert] = from.dataset.expert?.split(' ') ?? []
  return svg?.querySelector<SVGElement>(`[data-expert="${kind} ${Number(layer) + rows} ${expert}"]`) ?? undefined
}

function beside(from: Focusable, key: string, root: ParentNode | null, kind: string): Focusable | undefined {
  const row = [...(root?.querySelectorAll<Focusable>(kind) ?? [])]
  const at = row.indexOf(from)
  switch (key) {
    case 'ArrowRight':
      return row.slice(at + 1).find((element) => isOther(element, from))
    case 'ArrowLeft':
      return row.slice(0, Math.max(0, at)).findLast((element) => isOther(element, from))
    case 'Home':
      return row.find(isShown)
    case 'End':
      return row.findLast(isShown)
  }
}

/** Whether an element is seen and is not a part of the same token: Markdown hides some, and divides some. */
function isOther(element: Focusable, from: Focusable): boolean {
  return isShown(element) && (from.dataset.i === undefined || element.dataset.i !== from.dataset.i)
}

function isShown(element: Focusable): boolean {
  return element.getClientRects().length > 0
}

document.addEventListener('keydown', (event) => {
  // The document may be a target, too.
  const from = event.target instanceof Element && event.target.closest<Focusable>(`${TOKEN}, ${CELL}, ${HEAD}`)
  const next = from ? nextFrom(from, event.key) : undefined
  if (!from || !next) return
  event.preventDefault()
  from.setAttribute('tabindex', '-1')
  next.setAttribute('tabindex', '0')
  next.focus()
})
document.addEventListener('drawn', ({ target }) => addTabStops(target as Element))
addTabStops(document)
