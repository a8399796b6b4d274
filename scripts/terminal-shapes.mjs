// Draws the cells of a terminal as shapes of SVG, so that no font decides what blocks and braille dots look like.

/** Size of a cell in units of the drawing. */
export const CELL = { width: 8.4, height: 17 }

export const THEMES = {
  dark: { ground: '#12161b', text: '#d7dce2', dim: '#7d8793', strong: '#ffffff', around: '#262c34' },
  light: { ground: '#ffffff', text: '#24292f', dim: '#818b96', strong: '#000000', around: '#e4e7eb' },
}

/** Parts of a cell that a block fills, as x, y, width and height from 0 to 1. */
const BLOCKS = {
  '█': [[0, 0, 1, 1]],
  '▀': [[0, 0, 1, 0.5]],
  '▄': [[0, 0.5, 1, 0.5]],
  '▌': [[0, 0, 0.5, 1]],
  '▐': [[0.5, 0, 0.5, 1]],
}
const QUARTERS = [
  [0, 0, 0.5, 0.5],
  [0.5, 0, 0.5, 0.5],
  [0, 0.5, 0.5, 0.5],
  [0.5, 0.5, 0.5, 0.5],
]
for (const [bits, sign] of [...' ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█'].entries()) {
  BLOCKS[sign] ??= QUARTERS.filter((_, i) => bits & (1 << i))
}
const SHADES = { '░': 0.25, '▒': 0.5, '▓': 0.75 }
const BRAILLE = 0x2800

/** Shapes of the screen's lines, in a theme of these. */
export function screenAsShapes(lines, theme) {
  return lines.flatMap((line, row) => runsOf(line).map((run) => drawRun(run, row, THEMES[theme]))).join('')
}

/** Joins neighbouring cells of the same style and the same sort of sign. */
function runsOf(line) {
  const runs = []
  for (const [column, { text, style }] of line.entries()) {
    const sort = isDrawn(text) ? text : 'text'
    const last = runs.at(-1)
    if (last && last.style === style && last.sort === sort && sort === 'text') last.text += text
    else if (last && last.style === style && last.sort === sort) last.count++
    else runs.push({ column, text, style, sort, count: 1 })
  }
  return runs
}

function isDrawn(text) {
  return text.trim() !== '' && (text in BLOCKS || text in SHADES || isBraille(text))
}

function isBraille(text) {
  const code = text.codePointAt(0) - BRAILLE
  return code > 0 && code < 256
}

function drawRun({ column, text, style, sort, count }, row, theme) {
  const parts = style.split(' ')
  const colour = (slot) => parts.map((part) => new RegExp(`^${slot};2;(.*)$`).exec(part)?.[1]).find(Boolean)
  const rgb = (found, other) => (found ? `rgb(${found.split(';')})` : other)
  const plain = parts.includes('1') ? theme.strong : parts.includes('2') ? theme.dim : theme.text
  const inverse = parts.includes('7')
  const ink = inverse ? theme.ground : rgb(colour(38), plain)
  const ground = inverse ? theme.text : rgb(colour(48), '')
  const [x, y] = [column * CELL.width, row * CELL.height]
  const columns = sort === 'text' ? [...text].length : count
  const behind = ground === '' ? '' : rect(x, y, columns * CELL.width, CELL.height, ground)
  if (sort !== 'text') return behind + range(count, (i) => drawSign(text, x + i * CELL.width, y, ink))
  if (text.trim() === '') return behind
  const weight = parts.includes('1') ? ' font-weight="700"' : ''
  return `${behind}<text x="${fixed(x)}" y="${y + 13}" textLength="${fixed(columns * CELL.width)}" fill="${ink}"${weight}>${escaped(text)}</text>`
}

function drawSign(sign, x, y, ink) {
  if (isBraille(sign)) {
    const bits = sign.codePointAt(0) - BRAILLE
    // Bits by column and row: 1 2 4 40 at the left, 8 10 20 80 at the right.
    const places = [0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80]
    return places
      .map((bit, i) => [bit, 0.28 + 0.44 * Math.floor(i / 4), (0.5 + (i % 4)) / 4])
      .filter(([bit]) => bits & bit)
      .map(([, right, down]) => {
        return `<circle cx="${fixed(x + right * CELL.width)}" cy="${fixed(y + down * CELL.height)}" r="1.25" fill="${ink}"/>`
      })
      .join('')
  }
  const opacity = SHADES[sign]
  if (opacity) return rect(x, y, CELL.width, CELL.height, ink, opacity)
  return BLOCKS[sign]
    .map(([left, top, width, height]) => {
      return rect(x + left * CELL.width, y + top * CELL.height, width * CELL.width, height * CELL.height, ink)
    })
    .join('')
}

function rect(x, y, width, height, fill, opacity = 1) {
  const seen = opacity < 1 ? ` fill-opacity="${opacity}"` : ''
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" fill="${fill}"${seen}/>`
}

function range(count, draw) {
  return Array.from({ length: count }, (_, i) => draw(i)).join('')
}

function fixed(value) {
  return Number(value.toFixed(2))
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
