import type { Browser } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import { renderHtml } from '#molm/insight/pictures/html/html.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { HAS_BROWSER, openBrowser } from '../../support/browser.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'
import { open } from './open-page.js'

const test = suite<{ browser: Browser }>(
  'the page written by molm experts',
  undefined as unknown as { browser: Browser },
)
const inBrowser = HAS_BROWSER ? test : test.skip

test.before(async (context) => {
  if (!HAS_BROWSER) return
  context.browser = await openBrowser()
})
test.after(({ browser }) => browser?.close())

inBrowser('the cells of a difference have the colours of its legend', async ({ browser }) => {
  await open(browser, { colorScheme: 'dark' }, async ({ page }) => {
    const script = `Array.from(document.querySelectorAll('section:not(.text) [data-expert^="mlp 0"]'), (cell) => getComputedStyle(cell).fill)`
    const [more, , less] = (await page.evaluate(script)) as string[]
    const channels = (fill: string) => Array.from(fill.matchAll(/[\d.]+/g), Number)
    const [red, , blue] = channels(more)
    assert.ok(red > blue, more)
    assert.ok(channels(less)[2] > channels(less)[0], less)
  })
})

interface Box {
  top: number
  bottom: number
  right: number
}

inBrowser('names of experts are in the legend and in the details of a token and of an expert', async ({ browser }) => {
  const unnamed = { share: 0, tokens: [], texts: [] }
  const entries = { mlp: [[unnamed, { ...unnamed, name: '<digits>' }, unnamed]] }
  const html = renderHtml(drawUsage([proseOf(3)], { atlas: { entries } as unknown as Atlas }))
  await open(
    browser,
    {},
    async ({ page }) => {
      assert.match((await page.textContent('#text-0 .legend')) ?? '', /1 <digits> · 25 %/)
      await page.hover('#text-0 [data-i="2"]')
      assert.match((await page.textContent('#text-0 .detail')) ?? '', /mlp 1 \(<digits>\) \.75/)
      await page.hover('#text-0 .map [data-expert="mlp 0 1"]')
      assert.is(await page.textContent('#text-0 .detail'), 'layer 0, mlp expert 1 (<digits>): 25.0 % of the tokens')
    },
    html,
  )
})

inBrowser(
  'on a phone nothing is cut: maps are as wide as the page, words of a table below its numbers',
  async ({ browser }) => {
    const html = renderHtml(drawUsage([proseOf(60), codeOf(60)]))
    await open(
      browser,
      { viewport: { width: 390, height: 844 } },
      async ({ page }) => {
        const [width, map, words, cells] = (await page.evaluate(`[
        document.documentElement.scrollWidth,
        document.querySelector('#text-0 .map svg').getBoundingClientRect().width,
        document.querySelector('td.words').getBoundingClientRect(),
        document.querySelector('td').getBoundingClientRect(),
      ].map((value) => value.toJSON?.() ?? value)`)) as [number, number, Box, Box]
        assert.is(width, 390)
        assert.ok(map > 340, String(map))
        assert.ok(words.top >= cells.bottom - 1 && words.right <= 390)
      },
      html,
    )
  },
)

test.run()
