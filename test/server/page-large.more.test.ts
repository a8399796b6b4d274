import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { assertHarmless } from './harmless-markdown.js'
import { chunk, open, pageSuite, send, token } from './simulated-server.js'

const { inBrowser, end } = pageSuite('large answers on the page')

const DONE = 'data: [DONE]\n\n'

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

inBrowser('48 layers of 128 experts are drawn live, too', async () => {
  const shape = { layers: 48, mlp: 128 }
  async function* many() {
    for (let i = 0; i < 20; i++) {
      yield chunk(`t${i} `, [token(`t${i} `, shape, i)])
      await wait(1)
    }
    yield DONE
  }
  await open({ shape, answer: many }, async (page, { faults }) => {
    await send(page)
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    assert.is(await page.$$eval('#map [data-expert]', (cells) => cells.length), 48 * 128)
    assert.is(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
    await page.hover('.turn.model .tokens span:nth-child(7)')
    assert.is(await page.$$eval('#map .on', (cells) => cells.length), 48 * 2)
    // Frames would hide cells this small; one expert alone has one.
    assert.is(await page.$$eval('#map .tick', (ticks) => ticks.length), 48 * 2)
    assert.is(await page.$$eval('#map .frame', (frames) => frames.length), 0)
    await page.hover('#map [data-expert="mlp 3 9"]')
    assert.is(await page.$$eval('#map .frame.small', (frames) => frames.length), 1)
    assert.equal(faults, [])
  })
})

end()
