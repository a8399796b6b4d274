import { FONT, FONT_SIZE } from './svg-drawing.js'

/** The colours of pages: light or dark as the reader has it. */
export const PAGE_COLOURS = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6570; --paper: #ffffff; --line: #d8dde3; --lit: #fbe68a; --edge: #d1242f; --cell: none; --less: #2166ac; --more: #b35806; --alike: #e3e5e8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa4af; --paper: #14181d; --line: #323a43; --lit: #6b5a12; --edge: #ff7b72; --cell: #46515e; --less: #4aa3ff; --more: #ff9d3c; --alike: #20262d }
}
`

/** How maps, tokens and tables look, wherever on a page they stand. */
export const FIGURE_STYLE = `
svg { max-width: 100%; height: auto } svg text { font-family: ${FONT}; font-size: ${FONT_SIZE}px; fill: var(--ink) } svg .title, svg .head { font-weight: 700 }
.empty { fill: none; stroke: var(--line) } .cross { fill: none; stroke: var(--soft) }
rect[data-expert] { stroke: var(--cell); stroke-width: .7 }
rect[data-expert].new:not(.on, :focus-visible) { stroke: var(--edge); stroke-width: 1.5 }
[data-expert]:focus { outline: none }
[data-expert].on, [data-expert]:focus-visible, [data-expert].on .empty { stroke: var(--edge); stroke-width: 2.5 }
section.text [data-expert], section.text .layer > text:first-child, .tokens [data-i] { cursor: pointer }
.layer > text:first-child.on { fill: var(--edge); font-weight: 700 }
.tokens { font: 14px/1.9 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; padding-top: .7rem }
.tokens span { border-radius: 3px; scroll-margin: 16rem 0 4rem } .tokens [data-i]:hover, .tokens [data-i]:focus-visible, .tokens .pinned { outline: 2px solid var(--edge) }
.map { position: sticky; top: 0; z-index: 1; max-height: 66vh; overflow-y: auto; background: var(--paper); border-bottom: 1px solid var(--line); padding: .4rem 0 }
.detail { font: 11px/1.6 ui-monospace, monospace; white-space: pre; overflow-x: auto; color: var(--soft); min-height: calc(var(--layers) * 1.6em); margin-top: .3rem }
@media (min-width: 64rem) { .detail { columns: 2; column-gap: 1.5rem; min-height: calc((var(--layers) + 1) * .8em) } .detail div { overflow: hidden; text-overflow: ellipsis } }
.pin { float: right; font-size: 12px; color: var(--soft) } .pin:empty { display: none }
table { border-collapse: collapse; font-size: 13px } td, th { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td code { white-space: pre; background: color-mix(in srgb, var(--line) 60%, transparent); border-radius: 3px; padding: 0 .25em }
.note { color: var(--soft) } kbd { border: 1px solid var(--line); border-radius: 3px; padding: 0 .3em; font-size: .85em }
`

/** How the page of a figure looks. */
export const PAGE_STYLE = `${PAGE_COLOURS}
body { font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.5rem } h3 { font-size: 1rem; margin-bottom: .3rem }
${FIGURE_STYLE}`
