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

/** Shows the table of a token, or of none. */
export function showVoices(section: TextSection, token?: string): void {
  const voices = token === undefined ? undefined : section.voices?.[token]
  const table = voices && tableOf(section, voices)
  section.querySelector('div.voices')?.replaceChildren(...(table ? [table] : []))
  table?.querySelector('tr:nth-of-type(4)')?.scrollIntoView({ block: 'nearest' })
}

function tableOf(section: TextSection, voices: readonly PageVoice[]): HTMLElement {
  const heads = ['expert', 'gate', 'share', 'pushes up', 'pushes down'].map((head) => create('th', head))
  const rows = voices.map(({ kind, layer, expert, gate, share, up, down }) => {
    const place = `${kind} ${layer} ${expert}`
    const name = section.querySelector<SVGElement>(`.map [data-expert="${place}"]`)?.dataset.name
    const cells = [create('td', `layer ${layer} ${kind} ${expert}${name ? ` (${name})` : ''}`)]
    cells.push(numberOf(gate), numberOf(share), wordsOf(up, '↑'), wordsOf(down, '↓'))
    return create('tr', ...cells)
  })
  const head = create('tr', ...heads)
  head.className = 'heads'
  const title =
    'Words that each expert pushes up and down, through the model’s head; share: its length beside the stream’s'
  const table = create('table', create('caption', title), head, ...rows)
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
