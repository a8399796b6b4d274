import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/lab/experts/atlas/atlas.js'
import { renderHtml } from '#molm/lab/pictures/html/html.js'
import { drawUsage } from '#molm/lab/pictures/kinds/usage-figure.js'
import { HAS_BROWSER, openBrowser, type Visit, visit } from '../../support/browser.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

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

/** Two texts of alternating tokens: in prose `<b>` uses experts 0, in code all tokens use MLP expert 2. */
const HTML = renderHtml(drawUsage([proseOf(3), codeOf(3)], { tokens: true }))

async function open(
  browser: Browser,
  options: Parameters<typeof visit>[1],
  use: (visit: Visit) => Promise<void>,
  html = HTML,
) {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'experts.html')
    await writeFile(file, html)
    await visit(browser, options, async (visited) => {
      await visited.page.goto(pathToFileURL(file).href)
      await use(visited)
      assert.equal(visited.faults, [])
      assert.is(visited.requests.length, 1)
    })
  })
}

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
