import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Figure } from '../blocks/figure.js'
import { MOST_PICTURE, type PictureOptions, renderSvg } from './svg.js'

/** Pixels per unit of the drawing, enough for print and dense screens. */
const SCALE = 2

const find = createRequire(import.meta.url).resolve
const FONTS = [400, 700].map((weight) => `@fontsource/dejavu-mono/files/dejavu-mono-latin-${weight}-normal.woff2`)

/**
 * Renders a figure as a PNG image, with two pixels for each unit of its width, or fewer for a large picture. Its font
 * covers Latin, Greek, Cyrillic and other letters, but not Chinese, Japanese or Korean; missing characters become
 * boxes. Rejects with a UserError if the picture would be higher or wider than 4000 pixels.
 */
export async function renderPng(figure: Figure, options: PictureOptions = {}): Promise<Uint8Array> {
  const svg = renderSvg(figure, options)
  loaded ??= load()
  const { Resvg, fontBuffers } = await loaded
  const font = { fontBuffers, defaultFontFamily: 'DejaVu Sans Mono', monospaceFamily: 'DejaVu Sans Mono' }
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []
  const scale = Math.min(SCALE, MOST_PICTURE / Math.max(Number(width), Number(height)))
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

/** Loads the renderer and the fonts, once per process and on demand. */
async function load() {
  const { initWasm, Resvg } = await import('@resvg/resvg-wasm')
  await initWasm(await readFile(find('@resvg/resvg-wasm/index_bg.wasm')))
  const fontBuffers = await Promise.all(FONTS.map(async (name) => new Uint8Array(await readFile(find(name)))))
  return { Resvg, fontBuffers }
}
