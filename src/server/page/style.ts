import { FIGURE_STYLE, PAGE_COLOURS } from '../../pictures/html-style.js'

/** The page's style: colours and figures as on the pages that `molm experts` writes, and what is around them. */
export const LIVE_STYLE = `${PAGE_COLOURS}
:root { --field: #f5f7f9; --strong: #00224e; --on-strong: #ffffff; --bad: #b3261e; --focus: #4a7fb5 }
@media (prefers-color-scheme: dark) { :root { --field: #1b2128; --strong: #fee838; --on-strong: #14181d; --bad: #ff8a80; --focus: #6ea8de } }
${FIGURE_STYLE}
* { box-sizing: border-box }
[hidden] { display: none !important }
html, body { height: 100%; margin: 0 }
body { display: flex; flex-direction: column; font: 15px/1.55 ui-sans-serif, system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1, h2, p { margin: 0 }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px }

header { display: flex; align-items: baseline; gap: .2rem 1rem; flex-wrap: wrap; padding: .7rem 1.2rem; border-bottom: 1px solid var(--line) }
h1 { font-size: 1.1rem; letter-spacing: .01em }
#about { flex: 1 1 16rem; min-width: 0; font-size: .85rem; color: var(--soft) }
nav { display: flex; gap: .3rem }
nav a { padding: .15rem .7rem; border-radius: 1rem; color: var(--soft); text-decoration: none }
nav a:hover { color: var(--ink) }
nav a[aria-current] { background: var(--field); color: var(--ink); font-weight: 600 }

main { flex: 1; min-height: 0; display: flex }
main > section { flex: 1; min-width: 0 }
#talk { display: grid; grid-template-columns: minmax(20rem, 5fr) minmax(26rem, 6fr) }
#conversation { display: flex; flex-direction: column; min-height: 0; min-width: 0; padding: 0 1.2rem }
#turns { flex: 1; min-height: 0; overflow-y: auto; padding: .4rem 0 1rem }
#turns:empty { flex: 0; padding: 0 }
#turns:not(:empty) + #hint { display: none }
#hint { margin: auto; max-width: 26rem; color: var(--soft); display: grid; gap: .8rem; padding: 1rem 0; text-wrap: pretty }

.turn { padding: .9rem 0 0; max-width: 44rem }
.turn h2 { font-size: .78rem; font-weight: 600; color: var(--soft) }
.turn .tokens { font: inherit; padding: 0 }
.turn .tokens span { scroll-margin: 3rem 0 }
.turn.user .tokens { width: fit-content; max-width: 100%; padding: .35rem .8rem; margin: .25rem 0 0 -.1rem; border-radius: .8rem; background: var(--field) }
.turn .note { font-size: .78rem; min-height: 1.55em }
.turn.user .note { display: none }
.turn[aria-busy="true"] .tokens::after { content: '▍'; color: var(--soft); animation: blink 1s steps(2) infinite }
@keyframes blink { 50% { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { .turn[aria-busy="true"] .tokens::after { animation: none } }

.alert { color: var(--bad); font-size: .9rem } .alert:empty { display: none }
form { display: grid; gap: .5rem }
#composer { padding: .7rem 0 1rem }
textarea, input { width: 100%; font: inherit; color: inherit; background: var(--field); border: 1px solid var(--line); border-radius: .6rem; padding: .5rem .7rem; resize: vertical }
#message { resize: none; field-sizing: content; min-height: 3.6rem; max-height: 30vh }
.buttons { display: flex; gap: .5rem; flex-wrap: wrap }
button { font: inherit; font-weight: 600; padding: .35rem 1.1rem; border: 1px solid var(--strong); border-radius: .6rem; color: var(--on-strong); background: var(--strong); cursor: pointer }
button:disabled { opacity: .5; cursor: default }
button.quiet { color: var(--soft); background: none; border-color: var(--line); font-weight: 400 }
button.quiet:not(:disabled):hover { color: var(--ink) }
#stop { display: none } #composer.running #stop { display: block } #composer.running #send { display: none }
#fresh { margin-left: auto }
summary { cursor: pointer; color: var(--soft); font-size: .85rem; width: fit-content; border-radius: .3rem }
#settings[open] { display: grid; gap: .3rem; font-size: .85rem }
#settings .wide { display: block; padding: .4rem 0 .2rem }
#settings .numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .6rem; margin-top: .5rem }

#experts { min-height: 0; min-width: 0; overflow-y: auto; padding: .9rem 1.2rem; border-left: 1px solid var(--line); scrollbar-gutter: stable }
#talk .map { position: relative; max-height: none; overflow: visible; border: 0; padding: .6rem 0 0 }
#talk .pin { position: absolute; right: 0; top: -1.3rem }
#map svg { display: block; width: 100%; max-width: 46rem }
#talk .detail { columns: auto; white-space: pre-wrap; overflow-wrap: anywhere; padding-top: .6rem; font-size: 11.5px }

#compare { overflow-y: auto; padding: 1rem 1.2rem 3rem }
#comparison, #figure { max-width: 62rem; margin: 0 auto }
#comparison .two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: .8rem }
#comparison label { font-size: .85rem; color: var(--soft) } #comparison textarea { color: var(--ink); font-size: 15px }
#comparison[aria-busy="true"] button { opacity: .5 }
#figure h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
#figure section { overflow-x: auto } #figure section.text { overflow: visible }
#figure table { min-width: 40rem }

dialog { border: 1px solid var(--line); border-radius: .8rem; color: inherit; background: var(--paper); padding: 1.2rem; width: min(26rem, calc(100vw - 2rem)) }
dialog::backdrop { background: rgb(0 0 0 / .4) }
dialog h2 { font-size: 1.05rem }

@media (max-width: 60rem) {
  header { padding: .5rem .8rem }
  #about { order: 3; flex-basis: 100%; white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
  nav { margin-left: auto }
  #talk { grid-template-columns: minmax(0, 1fr); grid-template-rows: auto minmax(0, 1fr) }
  #experts { grid-row: 1; max-height: 44dvh; border-left: 0; border-bottom: 1px solid var(--line); padding: .4rem .8rem; scrollbar-gutter: auto }
  #conversation { grid-row: 2; padding: 0 .8rem }
  #talk .detail { min-height: 1.6em }
}
`
