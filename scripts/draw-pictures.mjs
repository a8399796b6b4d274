// Draws the pictures of the docs from real runs with nano: an answer that moves, the chat screen, the server's page, prose
// against code, a text's page in light and dark, and a pruned nano against the whole one. Needs `npm run build`, the
// compiled tests (test/tsconfig.json), the `script` command and a headless `chromium`.
//   node scripts/draw-pictures.mjs                   all of them
//   node scripts/draw-pictures.mjs comparison page   only these
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PseudoTerminal } from '../build/test/support/pseudo-terminal.js'
import { movingPicture } from './moving-picture.mjs'

const CELL = { width: 8.4, height: 18 }
const MARGIN = 16
const COLUMNS = 84
const ROWS = 32

/** The last module of a page makes Tab stops of the cells. */
const UNPACKED =
  'while (!document.querySelector("section.text svg [tabindex]")) await new Promise((next) => setTimeout(next, 20));'

const PICTURES = {
  moving: async () => writeFileSync('docs/images/expert-that-matters.svg', await movingPicture()),
  chat: () => drawChat('docs/images/chat.svg'),
  comparison: () => drawComparison('docs/images/prose-and-code.svg'),
  page: () => {
    drawPage('docs/images/page-light.png', 'light', look('.tokens span', 97, 'click'))
    drawPage('docs/images/page-dark.png', 'dark', look('section.text [data-expert]', 77, 'mouseover'))
  },
  served: () => drawServed('docs/images/served.png'),
  pruned: () => drawPruned('docs/images/pruned-against-whole.svg'),
}
const names = process.argv.slice(2)
for (const name of names.length > 0 ? names : Object.keys(PICTURES)) await PICTURES[name]()

/** Draws a conversation, with a token of the last answer selected. */
async function drawChat(path) {
  const args = ['bin/molm.js', 'chat', '--temperature', '0']
  const terminal = await PseudoTerminal.start({ args, columns: COLUMNS, rows: ROWS })
  await terminal.waitFor(/write something/)
  for (const [question, answer] of [
    ['What is a lighthouse?', /^A lighthouse is a tower/m],
    ['What is 23 + 45?', /^23 \+ 45 = 68$/m],
  ]) {
    await terminal.enter(question, answer)
    await terminal.waitUntil(() => !/ · answering/.test(terminal.screen.text.join('\n')), 'the end of the answer')
  }
  for (let i = 0; i < 2; i++) terminal.type('\x1b[D')
  for (let i = 0; i < 4; i++) terminal.type('\x1b[B')
  await terminal.waitFor(/layer 4 mlp/)
  const { cells } = terminal.screen
  const height = cells.findLastIndex((line) => line.length > 0) + 1
  writeFileSync(path, screenAsSvg(cells.slice(0, height)))
  terminal.type('\x04')
  await terminal.close()
}

function drawComparison(path) {
  drawTexts(path, 'examples/prose.txt', 'examples/code.js')
}

function drawTexts(path, ...files) {
  const named = files.flatMap((file) => ['--file', file])
  execFileSync(process.execPath, ['bin/molm.js', 'experts', ...named, '-o', path])
}

/** Takes a screenshot of the page in Chromium, in the light or dark scheme, after running a script in it. */
function drawPage(path, scheme, script) {
  const folder = mkdtempSync(join(tmpdir(), 'molm-page-'))
  const page = join(folder, 'experts.html')
  drawTexts(page, 'examples/prose.txt')
  writeFileSync(page, `${readFileSync(page, 'utf8')}<script type="module">${UNPACKED}${script}</script>`)
  const settings = [
    `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`,
    '--window-size=1080,720',
    '--virtual-time-budget=3000',
  ]
  const headless = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--user-data-dir=${folder}`]
  execFileSync('chromium', [...headless, ...settings, `--screenshot=${path}`, `file://${page}`], { stdio: 'ignore' })
  rmSync(folder, { recursive: true, force: true })
}

/** Draws a conversation on the server's page, with a token of the last answer pinned. */
async function drawServed(path) {
  const { loadAtlas, loadModel } = await import('../dist/index.js')
  const { listen } = await import('../dist/server/listen.js')
  const { openBrowser, visit } = await import('../build/test/support/browser.js')
  const [model, server, browser] = [await loadModel('nano'), await listen({ port: 0 }), await openBrowser()]
  server.open(model, { atlas: await loadAtlas(model) })
  await visit(browser, { viewport: { width: 1180, height: 640 }, deviceScaleFactor: 1.5 }, async ({ page }) => {
    await page.goto(`${server.url}/`)
    await page.click('#open-settings')
    await page.fill('#temperature', '0')
    await page.click('#close-settings')
    await page.fill('#message', 'What is the capital of Italy?')
    await page.press('#message', 'Enter')
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    await page.click('button:has-text("Which expert matters?")')
    await page.waitForSelector('#map .looked')
    await page.screenshot({ path })
  })
  await browser.close()
  await server.close()
  await model.dispose()
}

/** Draws nano with half of its MLP experts, those that prose needs, against the whole nano. */
function drawPruned(path) {
  const folder = mkdtempSync(join(tmpdir(), 'molm-pruned-'))
  const small = join(folder, 'small')
  const calibrate = ['--calibrate', 'examples/prose.txt', '--keep', '0.5', '--only', 'mlp', '--quiet']
  execFileSync(process.execPath, ['bin/molm.js', 'prune', 'nano', small, ...calibrate])
  const texts = ['--file', 'examples/prose.txt', '--file', 'examples/code.js']
  execFileSync(process.execPath, ['bin/molm.js', 'experts', '-m', small, '--against', 'nano:q4', ...texts, '-o', path])
  rmSync(folder, { recursive: true, force: true })
}

/** Script that sends a mouse event to the nth element that matches the selector. */
function look(selector, n, event) {
  return `document.querySelectorAll('${selector}')[${n}].dispatchEvent(new MouseEvent('${event}', { bubbles: true }))`
}

function screenAsSvg(lines) {
  const width = COLUMNS * CELL.width + 2 * MARGIN
  const height = lines.length * CELL.height + 2 * MARGIN
  const rows = lines.map((line, row) =>
    runsOf(line)
      .map((run) => drawRun(run, row))
      .join(''),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${Math.ceil(width)}" height="${Math.ceil(height)}" role="img" aria-label="molm chat in a terminal" xml:space="preserve">
<style>text{font:14px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre;fill:#d7dce2}.bold{font-weight:700;fill:#fff}.dim{fill:#8b949e}</style>
<rect width="100%" height="100%" rx="10" fill="#12161b"/>
${rows.join('\n')}
</svg>
`
}

/**
 * Joins neighbouring cells of the same style. Block characters are separate from letters, since they are drawn as
 * rectangles.
 */
function runsOf(line) {
  const runs = []
  for (const [column, { text, style }] of line.entries()) {
    const isBlock = text === '█'
    const last = runs.at(-1)
    if (last && last.style === style && last.isBlock === isBlock) last.text += text
    else runs.push({ column, text, style, isBlock })
  }
  return runs
}

function drawRun({ column, text, style, isBlock }, row) {
  const x = MARGIN + column * CELL.width
  const y = MARGIN + row * CELL.height
  const width = [...text].length * CELL.width
  const parts = style.split(' ')
  const colour = parts.map((part) => /^38;2;(\d+);(\d+);(\d+)$/.exec(part)).find(Boolean)
  if (isBlock)
    return `<rect x="${fixed(x)}" y="${y + 1}" width="${fixed(width)}" height="${CELL.height - 2}" fill="rgb(${colour.slice(1)})"/>`
  if (text.trim() === '' && !parts.includes('7')) return ''
  const inverse = parts.includes('7')
  const box = inverse
    ? `<rect x="${fixed(x)}" y="${y}" width="${fixed(width)}" height="${CELL.height}" fill="#d7dce2"/>`
    : ''
  const name = parts.includes('1') ? ' class="bold"' : parts.includes('2') ? ' class="dim"' : ''
  const fill = inverse ? ' style="fill:#12161b"' : ''
  const size = `textLength="${fixed(width)}"`
  return `${box}<text x="${fixed(x)}" y="${y + 13}" ${size}${name}${fill}>${escaped(text)}</text>`
}

function fixed(value) {
  return Number(value.toFixed(1))
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
