// Draws the chat's walk in windows of four sizes, with nano and with models of random weights that have as many layers
// and experts as published ones. Needs `npm run build`, the compiled tests (test/tsconfig.json) and the `script` command.
//   node scripts/draw-walks.mjs                    docs/images/walk-80x24.png and so on, four models each
//   node scripts/draw-walks.mjs FOLDER [light]     all screens apart, on a dark or light background
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWasm, Resvg } from '@resvg/resvg-wasm'
import { PseudoTerminal } from '../build/test/support/pseudo-terminal.js'
import { palettePng } from './palette-png.mjs'
import { writeRandomChatModel } from './random-chat-model.mjs'
import { CELL, screenAsShapes, THEMES } from './terminal-shapes.mjs'

const SIZES = [
  [80, 24],
  [100, 30],
  [120, 40],
  [200, 50],
]
const MODELS = [
  { name: 'nano', title: 'nano: 6 layers, 8 attention and 24 MLP experts' },
  { name: 'granite-like', title: '24 layers x 32 experts, as Granite 3 1B' },
  { name: 'olmoe-like', title: '16 layers x 64 experts, as OLMoE' },
  { name: 'qwen3-like', title: '48 layers x 128 experts, as Qwen3 30B-A3B' },
]
const QUESTION = 'Is a ship a bird?'
/** The layer to look at. */
const LAYER = 4
const [PAD, HEAD] = [14, 22]

const [folder, theme = 'dark'] = process.argv.slice(2)
await initWasm(readFileSync(createRequire(import.meta.url).resolve('@resvg/resvg-wasm/index_bg.wasm')))
const models = mkdtempSync(join(tmpdir(), 'molm-walks-'))
const screens = new Map(SIZES.map((size) => [size, []]))
for (const { name, title } of MODELS) {
  const model = name === 'nano' ? name : await writeRandomChatModel(models, name)
  for (const [size, cells] of await walks(model)) screens.get(size).push({ name, title, cells })
}
rmSync(models, { recursive: true })
for (const [[columns, rows], shown] of screens) {
  if (folder)
    for (const { name, title, cells } of shown) write(`${folder}/${name}-${columns}x${rows}.png`, [{ title, cells }])
  else write(`docs/images/walk-${columns}x${rows}.png`, shown)

  function write(path, parts) {
    const [width, height] = [columns * CELL.width + PAD, rows * CELL.height + HEAD + PAD]
    const across = Math.min(2, parts.length)
    const drawn = parts.map(({ title, cells }, i) => {
      const at = `translate(${PAD + (i % across) * width} ${PAD + Math.floor(i / across) * height})`
      return `<g transform="${at}">${drawScreen(title, cells, columns, rows)}</g>`
    })
    const [all, high] = [PAD + across * width, PAD + Math.ceil(parts.length / across) * height]
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${all} ${high}">
<style>text{font:14px 'DejaVu Sans Mono'}</style>
<rect width="100%" height="100%" fill="${THEMES[theme].around}"/>${drawn.join('')}</svg>`
    writeFileSync(path, rendered(svg))
  }
}

/** Asks a question, walks to one of its words, and returns the screens of all sizes. */
async function walks(model) {
  const args = [
    'bin/molm.js',
    'chat',
    '-m',
    model,
    ...(model === 'nano' ? ['--temperature', '0'] : ['--seed', '7', '-n', '12']),
  ]
  const [[columns, rows]] = SIZES
  const terminal = await PseudoTerminal.start({ args, columns, rows })
  await terminal.waitFor(/write something/)
  if (theme === 'light') terminal.type('\x1b]11;rgb:ffff/ffff/ffff\x1b\\')
  terminal.type(`${QUESTION}\r`)
  await terminal.waitFor(/experts of the last token/)
  await terminal.waitUntil(() => !/ · answering/.test(terminal.screen.text.join('\n')), 'the end of the answer')
  terminal.type('\x1b[H')
  for (let i = 0; i < LAYER; i++) terminal.type('\x1b[B')
  for (let at = 1; !/experts of token \d+ of \d+ "·ship"/.test(terminal.screen.text.join('\n')); at++) {
    await terminal.waitFor(new RegExp(`experts of token ${at} of`))
    terminal.type('\x1b[C')
    await terminal.waitFor(new RegExp(`experts of token ${at + 1} of`))
  }
  const found = []
  for (const [i, size] of SIZES.entries()) {
    // The first one is that of the start.
    if (i > 0) await terminal.resize(...size)
    // All visible lines are drawn again.
    await new Promise((resolve) => setTimeout(resolve, 600))
    found.push([size, terminal.screen.cells])
  }
  terminal.type('\x1b\x04')
  await terminal.close()
  return found
}

function drawScreen(title, cells, columns, rows) {
  const { ground, text } = THEMES[theme]
  return `<text x="2" y="14" fill="${text}">${title}, ${columns} x ${rows}</text>
<g transform="translate(0 ${HEAD})"><rect width="${columns * CELL.width}" height="${rows * CELL.height}" fill="${ground}"/>
${screenAsShapes(cells, theme)}</g>`
}

function rendered(svg) {
  const find = createRequire(import.meta.url).resolve
  const fonts = [400, 700].map((weight) => `@fontsource/dejavu-mono/files/dejavu-mono-latin-${weight}-normal.woff2`)
  const fontBuffers = fonts.map((name) => new Uint8Array(readFileSync(find(name))))
  const { pixels, width, height } = new Resvg(svg, {
    font: { fontBuffers, defaultFontFamily: 'DejaVu Sans Mono' },
  }).render()
  return palettePng(pixels, width, height)
}
