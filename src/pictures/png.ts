import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { UserError } from '../errors.js'
import type { Figure } from './figure.js'
import { type PictureOptions, renderSvg } from './svg.js'

/** Pixels per unit of the drawing, so that print and dense screens have enough of them. */
const SCALE = 2
/** Pixels that fit into the memory of any computer: 256 MB of them. */
const MOST_PIXELS = 2 ** 26

const find = createRequire(import.meta.url).resolve
const FONTS = [400, 700].map((weight) => `@fontsource/dejavu-mono/files/dejavu-mono-latin-${weight}-normal.woff2`)

/**
 * A figure as a PNG image with two pixels per unit of its width. Characters that the font does not have are boxes: it has
 * the Latin, Greek and Cyrillic letters, among others, but not those of Chinese, Japanese and Korean. Rejects with a
 * UserError where the image would be too large.
 */
export async function renderPng(figure: Figure, options: PictureOptions = {}): Promise<Uint8Array> {
  const svg = renderSvg(figure, options)
  loaded ??= load()
  const { Resvg, fontBuffers } = await loaded
  const font = { fontBuffers, defaultFontFamily: 'DejaVu Sans Mono', monospaceFamily: 'DejaVu Sans Mono' }
  const [width, height] = sizeOf(svg)
  const scale = Math.min(SCALE, Math.sqrt(MOST_PIXELS / (width * height)))
  if (scale < 1) throw new UserError(`the picture would have ${width} x ${height} pixels, too many for a PNG; take SVG`)
  const image = new Resvg(svg, { font, fitTo: { mode: 'zoom', value: scale } })
  try {
    const drawn = image.render()
    try {
      return drawn.asPng()
    } finally {
      drawn.free()
    }
  } finally {
    image.free()
  }
}

let loaded: ReturnType<typeof load> | undefined

/** The drawing program and the fonts, once per process and not before they are wanted. */
async function load() {
  const { initWasm, Resvg } = await import('@resvg/resvg-wasm')
  await initWasm(await readFile(find('@resvg/resvg-wasm/index_bg.wasm')))
  const fontBuffers = await Promise.all(FONTS.map(async (name) => new Uint8Array(await readFile(find(name)))))
  return { Resvg, fontBuffers }
}

function sizeOf(svg: string): [number, number] {
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []
  return [Number(width), Number(height)]
}
