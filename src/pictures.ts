/**
 * `molm/pictures`: draws how texts use experts, as text, SVG, PNG or a page. It needs no engine.
 *
 * @example
 * const text = await measureUsage(model, { name: 'prose', text: 'The lantern is lit.' }) // of `molm`
 * await writeFile('prose.svg', renderSvg(drawUsage([text])))
 */

export type { Figure } from './insight/pictures/blocks/figure.js'
export { renderHtml } from './insight/pictures/html/html.js'
export { drawAgreement } from './insight/pictures/kinds/agreement-figure.js'
export { drawAtlas } from './insight/pictures/kinds/atlas-figure.js'
export { drawLens } from './insight/pictures/kinds/lens-figure.js'
export { drawUsage } from './insight/pictures/kinds/usage-figure.js'
export { renderPng } from './insight/pictures/svg/png.js'
export { type PictureOptions, renderSvg } from './insight/pictures/svg/svg.js'
export { renderText, type TextOptions } from './insight/pictures/text/text.js'
