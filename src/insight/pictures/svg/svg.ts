import { UserError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { wrap } from '../../../ground/output/wrap.js'
import { type Block, type ExpertMap, type Figure, mapsOf } from '../blocks/figure.js'
import { tableLines } from '../text/text-table.js'
import { CHARACTER, type Drawing, onPaper, stack, svgImage, textLines } from './svg-drawing.js'
import { legendDrawing } from './svg-legend.js'
import { mapDrawing, naturalWidth } from './svg-map.js'
import { tokenDrawing } from './svg-tokens.js'

export interface PictureOptions {
  /** Width in pixels, from 320 to 4000. Default: the width of the maps, from 640 to 1000; with tokens 1000. */
  width?: number
}

/** Minimum width, for the numbers of a map. */
export const LEAST_PICTURE = 320
/** Maximum width and height: a larger picture is mostly empty, and no reader sees all of it. */
export const MOST_PICTURE = 4000
const USUAL = { least: 640, most: 1000 }
const MARGIN = 16

/** Renders a figure as one SVG image, black on white. Throws a UserError if a side would be over 4000 pixels. */
export function renderSvg(figure: Figure, options: PictureOptions = {}): string {
  const full = Math.max(LEAST_PICTURE, options.width ?? usualWidth(figure))
  const width = full - 2 * MARGIN
  const title = figure.title === '' ? [] : [wrapped(figure.title, width, 'title')]
  const head = [...title, ...[...(figure.sentences ?? []), ...figure.caption].map((line) => wrapped(line, width))]
  const maps = mapsOf(figure)
  const blocks = figure.blocks.map((block) => blockDrawing(block, width, onPaper, maps))
  const { markup, height } = stack([...(head.length > 0 ? [stack(head, 2)] : []), ...blocks], 22)
  const tall = Math.ceil(height + 2 * MARGIN)
  if (Math.max(full, tall) > MOST_PICTURE) {
    const size = `${full} x ${tall} pixels, and ${MOST_PICTURE} is the most`
    throw new UserError(
      phrase`the picture would have ${size}: show less with ${option('layers')}, ${option('only')} or ${option('parts')}`,
    )
  }
  const content = `<g transform="translate(${MARGIN} ${MARGIN})">${markup}</g>`
  return svgImage(full, tall, figure.title || 'Experts', content)
}

/** Draws a block with its title, no wider than `width`. */
export function blockDrawing(block: Block, width: number, fillOf: typeof onPaper, all: readonly ExpertMap[]): Drawing {
  if (block.type === 'maps') {
    const fill = fillOf(block.scale.isSigned)
    const maps = block.maps.map((map) => {
      const drawing = mapDrawing(map, fill, width, all)
      return map.title === '' ? drawing : stack([wrapped(map.title, width, 'title'), drawing], 6)
    })
    return stack([...maps, legendDrawing(block.scale, fill, width)], 14)
  }
  const content = block.type === 'table' ? textLines(tableLines(block, columnsOf(width))) : tokenDrawing(block, width)
  return stack([wrapped(block.title, width, 'title'), content], 6)
}

function usualWidth({ blocks }: Figure): number {
  if (blocks.some(({ type }) => type === 'tokens')) return USUAL.most
  const maps = blocks.flatMap((block) => (block.type === 'maps' ? block.maps.map(naturalWidth) : []))
  return Math.ceil(Math.min(USUAL.most, Math.max(USUAL.least, ...maps) + 2 * MARGIN))
}

function wrapped(text: string, width: number, style?: 'title'): Drawing {
  return textLines(wrap(text, columnsOf(width)), style)
}

function columnsOf(width: number): number {
  return Math.floor(width / CHARACTER)
}
