import type { TextSection } from './explore.js'
import type { PageColours, Tint } from './page-data.js'

/*
 * Colours the tokens of a text by the property that its control chooses: the strongest expert of a layer, surprise or
 * sleepers. All texts of a page have the same colours at a time. It imports types only, since the written page is a
 * single file.
 */

/** Experts in a legend. */
const LISTED = 8

function sectionsWithControl(): { section: TextSection; select: HTMLSelectElement }[] {
  return [...document.querySelectorAll<TextSection>('section.text')].flatMap((section) => {
    const select = section.querySelector<HTMLSelectElement>('.colouring select')
    return select ? [{ section, select }] : []
  })
}

/** Colours a section's tokens by a value of its control. */
function colourBy(section: TextSection, value: string): void {
  const colours: PageColours = JSON.parse(section.querySelector('script.colours')?.textContent ?? '{}')
  const [kind, layer] = value.split(' ')
  const isAmount = value === 'surprise' || value === 'sleepers'
  const firsts = value === '' || isAmount ? [] : firstExperts(section, kind, Number(layer))
  const steps = isAmount ? (colours[value]?.steps ?? []) : []
  for (const token of section.querySelectorAll<HTMLElement>('.tokens [data-i]')) {
    const i = Number(token.dataset.i)
    tint(token, isAmount ? colours.ramp[steps[i] ?? -1] : colours.experts[firsts[i] ?? -1])
  }
  const legend = section.querySelector('.colouring .legend')
  if (value === '') legend?.replaceChildren()
  else if (isAmount) legend?.replaceChildren(...rampLegend(colours, value))
  else legend?.replaceChildren(...expertLegend(section, { kind, layer, firsts, colours: colours.experts }))
}

/** Gives an element a colour, or none. */
function tint(element: HTMLElement, colour: Tint | undefined): void {
  element.classList.toggle('tinted', colour !== undefined)
  if (!colour) return
  element.style.setProperty('--on-light', colour[0])
  element.style.setProperty('--on-dark', colour[1])
}

/** The strongest expert of each token in a layer. */
function firstExperts(section: TextSection, kind: string, layer: number): (number | undefined)[] {
  section.routes ??= JSON.parse(section.querySelector('script')?.textContent ?? '[]')
  const slot = 2 * (section.dataset.kinds?.split(' ').indexOf(kind) ?? 0)
  return section.routes?.map((layers) => layers[layer][slot]?.[0]) ?? []
}

/** A button for each of the most frequent experts, which explore.ts handles as the expert's cell. */
function expertLegend(
  section: TextSection,
  { kind, layer, firsts, colours }: { kind: string; layer: string; firsts: (number | undefined)[]; colours: Tint[] },
): Node[] {
  const counts = new Map<number, number>()
  for (const expert of firsts) if (expert !== undefined) counts.set(expert, (counts.get(expert) ?? 0) + 1)
  const sorted = [...counts].sort(([a, more], [b, less]) => less - more || a - b)
  const chips = sorted.slice(0, LISTED).map(([expert, count]) => {
    const chip = document.createElement('button')
    chip.type = 'button'
    chip.className = 'chip'
    chip.dataset.expert = `${kind} ${layer} ${expert}`
    tint(chip, colours[expert])
    const name = section.querySelector<SVGElement>(`.map [data-expert="${kind} ${layer} ${expert}"]`)?.dataset.name
    chip.textContent = `${expert}${name ? ` ${name}` : ''} · ${Math.round((100 * count) / firsts.length)} %`
    return chip
  })
  return sorted.length > LISTED ? [...chips, note(`and ${sorted.length - LISTED} more`)] : chips
}

function rampLegend({ ramp, ...colours }: PageColours, by: 'surprise' | 'sleepers'): Node[] {
  const { from = '', to = '' } = colours[by] ?? {}
  const bar = document.createElement('span')
  bar.className = 'ramp'
  for (const colour of ramp) {
    const step = document.createElement('i')
    tint(step, colour)
    bar.append(step)
  }
  return [note(from), bar, note(to)]
}

function note(text: string): HTMLElement {
  const element = document.createElement('span')
  element.textContent = text
  return element
}

/** Colours all sections by one value; a section without it keeps its own. */
function colourAll(value: string): void {
  for (const { section, select } of sectionsWithControl()) {
    if ([...select.options].some((option) => option.value === value)) select.value = value
    colourBy(section, select.value)
  }
}

document.addEventListener('change', ({ target }) => {
  if (target instanceof HTMLSelectElement && target.closest('.colouring')) colourAll(target.value)
})
document.addEventListener('drawn', ({ target }) => {
  if (target instanceof Element && target.querySelector('.colouring')) colourFirst()
})

function colourFirst(): void {
  const [first] = sectionsWithControl()
  if (first) colourAll(first.select.value)
}
colourFirst()
