// The first picture of the README: nano answers a question, then once more without one expert, and the map below lights
// up with each token. Without animation it is the end of this: both answers, and the token at which they part.
import { loadModel, parseMask } from '../dist/index.js'
import { wordChanges } from '../dist/insight/word-changes.js'

const QUESTION = 'What is a hammer?'
const LEFT_OUT = { layer: 5, kind: 'mlp', expert: 13 }

const WIDTH = 720
const MARGIN = 24
/** Sizes of letters, and the width of one as a share of its size in the fonts of `STYLE`. */
const [LARGE, SMALL] = [20, 14]
const ADVANCE = 0.602

/** Baselines, and the top of the map's first row. */
const ROW = { question: 52, names: [92, 160], answers: [120, 188], title: 238, heads: 266, map: 276 }
const CELL = { pitch: 19, side: 16 }
const KINDS = [
  { kind: 'attention', title: 'attention', x: 58 },
  { kind: 'mlp', title: 'MLP', x: 240 },
]
/** An expert's colour by its gate: the brighter, the larger. nano's gates differ by powers of ten. */
const RAMP = ['#54699f', '#7690cc', '#a3b9ee', '#e2eaff']
const LEAST_GATES = [0, 0.001, 0.01, 0.1]

/** Seconds: before the first token, for a token, after the first answer, before the second, and at the end. */
const TIME = { start: 1.2, token: 0.4, pause: 1.6, left: 1.4, end: 5 }
const ROUNDS = 3

const STYLE = `text{font:${LARGE}px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre;fill:#e8eaf0}
.small{font-size:${SMALL}px;fill:#a3abba}.orange{fill:#ffb26b}.changed{font-weight:700;text-decoration:underline}
.asleep{fill:none;stroke:#636b7b}.ring{fill:#1a1e27;stroke:#ffb26b;stroke-width:2.5}.now{fill:#ffb26b}.f{opacity:0}.still{opacity:1}`

/** Runs nano and returns the picture as SVG. The same model gives the same bytes. */
export async function movingPicture() {
  const model = await loadModel('nano', { threads: 1 })
  try {
    const { layer, kind, expert } = LEFT_OUT
    const whole = await answer(model)
    const without = await answer(model, parseMask([`${layer}:${kind}:${expert}`], model.config))
    const { before, after } = wordChanges(textOf(whole), textOf(without))
    if (before.every(({ differs }) => !differs)) throw new Error('the expert changes no word of the answer')
    return picture(model.config, [whole, without], [before.map((part) => ({ ...part, differs: false })), after])
  } finally {
    await model.dispose()
  }
}

/** Tokens of the answer at temperature 0, with the experts that each woke. */
async function answer(model, mask) {
  const session = model.createSession({ mask })
  const tokens = []
  const steps = session.chat([{ role: 'user', content: QUESTION }], { temperature: 0, routes: true })
  for await (const { text, routes } of steps) if (text && routes) tokens.push({ text, routes })
  return tokens
}

function textOf(tokens) {
  return tokens.map(({ text }) => text).join('')
}

function picture({ mixtures, layers }, answers, parts) {
  const height = ROW.map + layers * CELL.pitch + 50
  const rules = []
  const total = TIME.start + TIME.pause + TIME.left + TIME.end + TIME.token * (answers[0].length + answers[1].length)
  const percent = (seconds) => `${fixed((100 * seconds) / total)}%`
  /** Class of what is seen from one time to another. */
  const seen = (from, to = total) => {
    const name = `k${rules.length}`
    const end = to < total ? `${percent(to)}{opacity:0}` : ''
    rules.push({ name, frames: `0%{opacity:0}${percent(from)}{opacity:1}${end}` })
    return name
  }
  const said = []
  const frames = []
  // The still picture has the token after which the words differ.
  const parting = answers[1].findIndex(({ text }, i) => text !== answers[0][i].text) - 1
  let time = TIME.start
  for (const [which, tokens] of answers.entries()) {
    const isWithout = which === 1
    const y = ROW.answers[which]
    const name = isWithout ? `nano without ${nameOf(LEFT_OUT)}` : 'nano'
    const style = isWithout ? `small orange ${seen(time - TIME.left)}` : 'small'
    said.push(run(MARGIN, ROW.names[which], name, { size: SMALL, style }))
    let x = MARGIN
    for (const [i, { text, routes }] of tokens.entries()) {
      const shown = x === MARGIN ? text.trimStart() : text
      const last = i === tokens.length - 1
      const until = time + TIME.token + (last ? (isWithout ? TIME.end : TIME.pause) : 0)
      const isChanged = differsAt(parts[which], textOf(tokens.slice(0, i)).length + text.search(/\S|$/))
      const bare = shown.trimStart()
      const left = x + widthOf(shown) - widthOf(bare)
      said.push(run(left, y, bare, { style: `${isChanged ? 'orange changed ' : ''}${seen(time)}` }))
      const still = isWithout && i === parting ? ' still' : ''
      const cells = woken(routes)
      const title = run(MARGIN, ROW.title, `experts that “${text.trim()}” wakes`, { size: SMALL, style: 'small' })
      const now = `<rect class="now" x="${fixed(left)}" y="${y + 7}" width="${fixed(widthOf(bare))}" height="3" rx="1.5"/>`
      frames.push(`<g class="f ${seen(time, until)}${still}">${title}${now}${cells}</g>`)
      x += widthOf(shown)
      time = until
    }
    if (!isWithout) time += TIME.left
  }
  // Before the second answer the expert is seen to leave.
  const leaves = TIME.start + TIME.token * answers[0].length + TIME.pause
  const ring = `<g class="${seen(leaves)}">${box(LEFT_OUT, 'ring')}</g>`
  const asked = widthOf(QUESTION)
  const right = WIDTH - MARGIN
  const key = height - 20
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${labelOf(answers)}" xml:space="preserve">
<style>${STYLE}
@media (prefers-reduced-motion:no-preference){
${rules.map(({ name, frames }) => `@keyframes ${name}{${frames}}.${name}{animation:${name} ${fixed(total)}s step-end ${ROUNDS}}`).join('\n')}
}</style>
<rect width="100%" height="100%" rx="16" fill="#12151c"/>
<rect x="${fixed(right - asked - 32)}" y="24" width="${fixed(asked + 32)}" height="42" rx="14" fill="#2a3a66"/>
${run(right - asked - 16, ROW.question, QUESTION)}
${said.join('\n')}
<rect x="12" y="${ROW.title - 24}" width="${WIDTH - 24}" height="${height - ROW.title + 12}" rx="10" fill="#1a1e27"/>
${KINDS.map(({ title, x }) => run(x, ROW.heads, title, { size: SMALL, style: 'small' })).join('')}
${Array.from({ length: layers }, (_, layer) => run(MARGIN, rowAt(layer) + 13, `${layer}`, { size: SMALL, style: 'small' })).join('')}
${mixtures.map(({ kind, experts }) => `<path class="asleep" d="${experts.flatMap((count, layer) => Array.from({ length: count }, (_, expert) => square({ kind, layer, expert }))).join('')}"/>`).join('')}
${frames.join('\n')}
${ring}
<rect class="asleep" x="${MARGIN}" y="${key - 12}" width="${CELL.side}" height="${CELL.side}"/>${note(48, key, 'asleep')}
${RAMP.map((colour, i) => `<rect x="${124 + i * CELL.pitch}" y="${key - 12}" width="${CELL.side}" height="${CELL.side}" fill="${colour}"/>`).join('')}${note(208, key, 'woken: the brighter, the stronger')}
<rect class="ring" x="588" y="${key - 12}" width="${CELL.side}" height="${CELL.side}"/>${note(614, key, 'left out')}
</svg>
`
}

function labelOf(answers) {
  const [whole, without] = answers.map(textOf)
  return escaped(
    `“${QUESTION}” nano: “${whole.trim()}” Without ${nameOf(LEFT_OUT)}: “${without.trim()}” Below, a map of the experts.`,
  )
}

function nameOf({ layer, kind, expert }) {
  return `layer ${layer}’s ${kind === 'mlp' ? 'MLP' : kind} expert ${expert}`
}

/** Cells of the experts that a token woke, a path for each colour. */
function woken(routes) {
  const paths = RAMP.map(() => '')
  for (const [layer, kinds] of routes.entries()) {
    for (const [kind, { ids, gates }] of Object.entries(kinds)) {
      for (const [i, expert] of [...ids].entries()) {
        paths[LEAST_GATES.findLastIndex((least) => gates[i] >= least)] += square({ kind, layer, expert })
      }
    }
  }
  return paths.map((path, i) => (path === '' ? '' : `<path fill="${RAMP[i]}" d="${path}"/>`)).join('')
}

function rowAt(layer) {
  return ROW.map + layer * CELL.pitch
}

function placeOf({ kind, layer, expert }) {
  return { x: KINDS.find((one) => one.kind === kind).x + expert * CELL.pitch, y: rowAt(layer) }
}

function square(expert) {
  const { x, y } = placeOf(expert)
  return `M${x} ${y}h${CELL.side}v${CELL.side}h-${CELL.side}z`
}

function box(expert, style) {
  const { x, y } = placeOf(expert)
  return `<rect class="${style}" x="${x}" y="${y}" width="${CELL.side}" height="${CELL.side}"/>`
}

function note(x, y, text) {
  return run(x, y, text, { size: SMALL, style: 'small' })
}

/** Words of one style; no viewer moves them, since each run has its place and length. */
function run(x, y, text, { size = LARGE, style = '' } = {}) {
  return `<text x="${fixed(x)}" y="${y}" textLength="${fixed(widthOf(text, size))}"${style && ` class="${style}"`}>${escaped(text)}</text>`
}

function widthOf(text, size = LARGE) {
  return text.length * ADVANCE * size
}

/** Whether the word at a place of the text is one that differs. */
function differsAt(parts, at) {
  let end = 0
  return parts.some(({ text, differs }) => {
    end += text.length
    return at < end && at >= end - text.length && differs
  })
}

function fixed(value) {
  return Number(value.toFixed(2))
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
