import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { cellName } from './switched-off.js'

/** Strikes out the cells of a map whose experts are switched off, with lines above all cells. */
export function strikeOut(map: Element, off: readonly ExpertPlace[]): void {
  const wanted = new Set(off.map(cellName))
  for (const line of map.querySelectorAll('.strike')) line.remove()
  for (const cell of map.querySelectorAll('[data-expert].off')) cell.classList.remove('off')
  if (wanted.size === 0) return
  for (const cell of map.querySelectorAll('rect[data-expert]')) {
    if (!wanted.has(cell.getAttribute('data-expert') ?? '')) continue
    cell.classList.add('off')
    const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(cell.getAttribute(name)))
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path')
    line.setAttribute('class', 'strike')
    line.setAttribute('d', `M${x} ${y}L${x + width} ${y + height}M${x + width} ${y}L${x} ${y + height}`)
    cell.closest('.layer')?.parentNode?.append(line)
  }
}
