import { assertHarmless } from './harmless-markdown.js'
import { pageSuite } from './simulated-server.js'

const { inBrowser, end } = pageSuite('large Markdown on the page')

const repeat = (text: string, length: number) => text.repeat(Math.ceil(length / text.length)).slice(0, length)

/** Texts that would take long to parse or to draw, and the most elements that they may become. */
const HOSTILE: Record<string, [text: string, elements: number]> = {
  'quotes within quotes': [`${'>'.repeat(10_000)} a`, 60],
  'quotes, each deeper than the line before': [
    Array.from({ length: 300 }, (_, i) => `${'> '.repeat(i)}a`).join('\n'),
    2000,
  ],
  'a megabyte without a line break': [repeat('**a [b](', 1e6), 1200],
  'control characters': [repeat('\u001b[2J\u202e\u0000\ud800', 2e5), 1200],
  'a megabyte of code': [`\`\`\`\n${repeat('\u001b[2J*a_[', 1e6)}`, 1200],
  'open brackets': [repeat('[![', 30_000), 60],
  'open emphasis': [repeat('***a _b ', 30_000), 60],
  'lists within lists': [repeat('- 1. ', 10_000), 60],
  'lists that indent': [Array.from({ length: 300 }, (_, i) => `${' '.repeat(2 * i)}- a`).join('\n'), 2000],
  'a table of many columns': [`|${'a|'.repeat(3000)}\n|${'-|'.repeat(3000)}\n|${'a|'.repeat(3000)}`, 20_000],
  'a table of many rows': [`a|b\n-|-\n${'a|b\n'.repeat(3000)}`, 30_000],
  'spaces within a line': [`${repeat(`a${' '.repeat(7000)}b\n`, 30_000)}`, 60],
}

inBrowser('hostile Markdown of any size neither stops the page nor widens it', async () => {
  for (const [name, [text, most]] of Object.entries(HOSTILE)) await assertHarmless(name, text, most)
})

end()
