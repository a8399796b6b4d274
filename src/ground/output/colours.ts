/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number]

/** Number of colours that a terminal can show. */
export type ColourDepth = 'none' | '16' | '256' | 'truecolor'

/**
 * Finds out from the environment which colours a stream may have; 'none' with NO_COLOR, or if it is no terminal.
 * FORCE_COLOR gives pipes colour as well (`FORCE_COLOR=1 molm experts ... | less -R`); its values 2 and 3 mean 256 and
 * true colour.
 */
export function colourDepth(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): ColourDepth {
  const { NO_COLOR, FORCE_COLOR = '', TERM = '', COLORTERM = '' } = env
  const isRefused = NO_COLOR || TERM === 'dumb' || FORCE_COLOR === '0' || FORCE_COLOR === 'false'
  if (isRefused || !(stream.isTTY || FORCE_COLOR)) return 'none'
  if (FORCE_COLOR === '3') return 'truecolor'
  if (FORCE_COLOR === '2') return '256'
  if (/truecolor|24bit/i.test(COLORTERM) || /-direct$/.test(TERM)) return 'truecolor'
  return /256/.test(TERM) ? '256' : '16'
}

/** Background of a terminal, from `COLORFGBG`, which some terminals set; dark if it is not set. */
export function terminalBackground({ COLORFGBG = '' }: NodeJS.ProcessEnv = process.env): 'dark' | 'light' {
  const [, colour = ''] = /;(\d+)$/.exec(COLORFGBG) ?? []
  return colour === '7' || colour === '15' ? 'light' : 'dark'
}

/** Text in the nearest colour that the depth has. */
export function paint(text: string, colour: Rgb, depth: ColourDepth): string {
  return depth === 'none' ? text : `\x1b[${foregroundCode(colour, depth)}m${text}\x1b[39m`
}

/**
 * Text in an ink on a background, each the nearest colour that the depth has. With sixteen colours the background keeps
 * only its hue, and the ink is black.
 */
export function highlight(text: string, background: Rgb, ink: Rgb, depth: ColourDepth): string {
  const codes = highlightCodes(background, ink, depth)
  return codes === '' ? text : `\x1b[${codes}m${text}\x1b[39;49m`
}

/** SGR parameters of an ink on a background; empty without colour. */
function highlightCodes(background: Rgb, ink: Rgb, depth: ColourDepth): string {
  switch (depth) {
    case 'truecolor':
      return `48;2;${background.join(';')};38;2;${ink.join(';')}`
    case '256':
      return `48;5;${nearest256(background)};38;5;${nearest256(ink)}`
    case '16':
      return isGrey(background) ? '' : `${HUES[sector(background)]};30`
    case 'none':
      return ''
  }
}

/** Background codes of the six hues, from red on. */
const HUES = [101, 103, 102, 106, 104, 105]

function isGrey(colour: Rgb): boolean {
  return Math.max(...colour) - Math.min(...colour) < 24
}

/** Number of the hue's sixth of the colour circle, from red on. */
function sector([red, green, blue]: Rgb): number {
  const most = Math.max(red, green, blue)
  const range = most - Math.min(red, green, blue)
  const sixths =
    most === red ? (green - blue) / range : most === green ? 2 + (blue - red) / range : 4 + (red - green) / range
  return (Math.round(sixths) + 6) % 6
}

/** SGR parameters (ECMA-48, 8.3.117; xterm ctlseqs) of a foreground colour; empty without colour. */
function foregroundCode(colour: Rgb, depth: ColourDepth): string {
  switch (depth) {
    case 'truecolor':
      return `38;2;${colour.join(';')}`
    case '256':
      return `38;5;${nearest256(colour)}`
    case '16':
      return String(SIXTEEN[hue(colour)][bright(colour)])
    case 'none':
      return ''
  }
}

/** The nearest of the hues that differ even for the colour-blind: 0 blue, 1 grey, 2 yellow. */
function hue([red, , blue]: Rgb): number {
  return far(red, blue) < 24 ? 1 : red < blue ? 0 : 2
}

/** 0 for a dark colour, 1 for a bright one. */
function bright([red, green, blue]: Rgb): number {
  return 0.3 * red + 0.59 * green + 0.11 * blue < 110 ? 0 : 1
}

/** Foreground codes by hue and brightness. */
const SIXTEEN = [
  [34, 94],
  [90, 37],
  [33, 93],
]

/** The nearest colour of the 6 x 6 x 6 cube or the grey ramp. */
function nearest256(colour: Rgb): number {
  const level = (value: number) =>
    LEVELS.reduce((best, at, i) => (far(value, at) < far(value, LEVELS[best]) ? i : best), 0)
  const [r, g, b] = colour.map(level)
  const grey = Math.min(23, Math.max(0, Math.round(((colour[0] + colour[1] + colour[2]) / 3 - 8) / 10)))
  const cube: Rgb = [LEVELS[r], LEVELS[g], LEVELS[b]]
  const shade = 8 + 10 * grey
  return distance(colour, cube) <= distance(colour, [shade, shade, shade]) ? 16 + 36 * r + 6 * g + b : 232 + grey
}

const LEVELS = [0, 95, 135, 175, 215, 255]

function far(a: number, b: number): number {
  return Math.abs(a - b)
}

function distance(a: Rgb, b: Rgb): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
}
