import type { TextSection } from './explore.js'
import type { PageVoice } from './page-data.js'

/*
 * Shows what the experts of a pinned token say, if that is known: a table below the token's experts. On a written page a
 * button for each such token pins it. It imports types only, since the written page is a single file.
 */

function create<K extends keyof HTMLElementTagNameMap>(name: K, ...inner: (string | Node)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(name)
  element.append(...inner)
  return element
}

/** Shows the tables of a token, or none: what chose it, and what its experts say after it. */
export function showVoices(section: TextSection, token?: string): void {
  const voices = (token === undefined ? undefined : section.voices?.[token]) ?? []
  const chose = voices.filter(({ effect }) => effect !== undefined)
  const said = voices.filter(({ effect }) => effect === undefined)
  const tables = [
    ...(chose.length > 0 ? [tableOf(section, chose, 'Why this word')] : []),
    ...(said.length > 0 ? [tableOf(section, said, 'Next, its experts say')] : []),
  ]
  const place = section.querySelector('div.voices')
  place?.replaceChildren(...tables)
  if (tables.length > 0)
    place?.append(create('p', 'Early layers often say nothing readable: they write for later layers.'))
  tables[0]?.querySelector('tr:nth-of-type(4)')?.scrollIntoView({ block: 'nearest' })
}

/** Size of an expert's effect; 0 if it is not known. */
function sizeOf({ effect, up, down }: PageVoice): number {
  return Math.abs(effect ?? Math.max(up[0]?.logit ?? 0, -(down[0]?.logit ?? 0)))
}

/** Experts by their effects, the largest first. Those with less than 1 % of all effects are a line at the end. */
function tableOf(section: TextSection, voices: readonly PageVoice[], title: string): HTMLElement {
  const least = 0.01 * voices.reduce((sum, one) => sum + sizeOf(one), 0)
  const strong = voices.filter((one) => sizeOf(one) >= least).sort((a, b) => sizeOf(b) - sizeOf(a))
  const rows = strong.map(({ kind, layer, expert, gate, share, up, down, effect }) => {
    const place = `${kind} ${layer} ${expert}`
    const name = section.querySelector<SVGElement>(`.map [data-expert="${place}"]`)?.dataset.name
    const part = kind === 'mlp' ? 'MLP' : kind
    const cells = [create('td', `layer ${layer}, ${part} ${expert}${name ? ` (${name})` : ''}`)]
    if (effect === undefined) cells.push(numberOf(gate), numberOf(share), wordsOf(up, '↑'), wordsOf(down, '↓'))
    else cells.push(create('td', `${effect < 0 ? '−' : '+'}${Math.abs(effect).toFixed(1)}`))
    return create('tr', ...cells)
  })
  const isChoice = voices[0].effect !== undefined
  const names = isChoice ? ['expert', 'its logit'] : ['expert', 'gate', 'share', 'makes likelier', 'makes unlikelier']
  const head = create('tr', ...names.map((name) => create('th', name)))
  head.className = 'heads'
  const weak = voices.length - strong.length
  const caption = weak > 0 ? `${title}; ${weak} more have less than 1 % of the effect each` : title
  const table = create('table', create('caption', caption), head, ...rows)
  if (!isChoice) table.className = 'said'
  // The keys scroll it.
  table.tabIndex = 0
  return table
}

function numberOf(share: number): HTMLTableCellElement {
  return create('td', `${(100 * share).toFixed(1)}\u00a0%`)
}

function wordsOf(words: PageVoice['up'], sign: string): HTMLTableCellElement {
  const cell = create('td', ...words.flatMap(({ text }) => [create('code', visible(text)), ' ']))
  cell.className = 'words'
  cell.dataset.head = sign
  return cell
}

/** A token's text with signs for blanks at its ends and for line breaks. */
function visible(text: string): string {
  return text.replace(/\n/g, '⏎').replace(/^ | $/g, '·')
}

/** Adds a button for each token whose experts are known to say something. */
function addButtons(section: TextSection): void {
  section.voices = JSON.parse(section.querySelector('script.voices')?.textContent ?? '{}')
  const chips = Object.keys(section.voices ?? {}).flatMap((token) => {
    const [span] = section.querySelectorAll<HTMLElement>(`.tokens [data-i="${token}"]`)
    if (!span) return []
    span.classList.add('said')
    const chip = create('button', `${visible(span.textContent ?? '')} · token ${token}`)
    chip.type = 'button'
    chip.className = 'chip'
    chip.addEventListener('click', () => {
      span.click()
      span.scrollIntoView({ block: 'nearest' })
    })
    return [chip]
  })
  if (chips.length === 0) return
  const line = create('p', 'What the experts say at ', ...chips)
  line.className = 'legend'
  section.querySelector('.colouring')?.after(line)
}

// It does not bubble.
document.addEventListener(
  'pinned',
  ({ target, detail }: CustomEventInit & Event) => showVoices(target as TextSection, detail?.dataset.i),
  true,
)
for (const section of document.querySelectorAll<TextSection>('section.text:has(script.voices)')) addButtons(section)
