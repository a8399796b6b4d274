import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderHtml } from '#molm/pictures/html.js'
import { drawUsage } from '#molm/pictures/usage-figure.js'
import { HAS_BROWSER, openBrowser, type Visit, visit } from '../support/browser.js'
import { codeOf, proseOf } from '../support/prose-and-code.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

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

async function open(browser: Browser, options: Parameters<typeof visit>[1], use: (visit: Visit) => Promise<void>) {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'experts.html')
    await writeFile(file, HTML)
    await visit(browser, options, async (visited) => {
      await visited.page.goto(pathToFileURL(file).href)
      await use(visited)
      assert.equal(visited.faults, [])
      assert.is(visited.requests.length, 1)
    })
  })
}

const framed = (page: Page) =>
  page.$$eval('section.text .on', (cells) => cells.map((cell) => cell.getAttribute('data-expert')))
const lit = (page: Page) =>
  page.$$eval('.tokens span', (tokens) =>
    tokens.flatMap((token, i) => ((token as { style?: { background: string } }).style?.background ? [i] : [])),
  )

inBrowser('pointing at a token frames its experts and shows their gates', async ({ browser }) => {
  await open(browser, {}, async ({ page }) => {
    await page.hover('#text-0 [data-i="2"]')
    assert.equal(await framed(page), ['attention 0 1', 'mlp 0 1'])
    const lines = await page.$$eval('#text-0 .detail div', (lines) => lines.map(({ textContent }) => textContent))
    assert.equal(lines, ['experts of "<b>"', 'layer 0: attention 1 .75  mlp 1 .75'])
    assert.is(await page.$$eval('#text-0 svg .frame', (frames) => frames.length), 2)
    await page.hover('h1')
    assert.equal(await framed(page), [])
    assert.is(await page.textContent('#text-0 .detail'), '')
  })
})

inBrowser('pointing at an expert lights its tokens, at a layer all by their first gate', async ({ browser }) => {
  await open(browser, {}, async ({ page }) => {
    await page.hover('#text-0 [data-expert="mlp 0 1"]')
    assert.equal(await lit(page), [2, 6, 10])
    assert.is(await page.textContent('#text-0 .detail'), 'layer 0, mlp expert 1: 25.0 % of the tokens')
    await page.hover('#text-0 .layer > text:first-child')
    assert.is((await lit(page)).length, 12)
  })
})

inBrowser('a click pins, and a second click or Escape unpins', async ({ browser }) => {
  await open(browser, {}, async ({ page }) => {
    const pin = () => page.textContent('#text-0 .pin')
    await page.click('#text-0 [data-i="0"]')
    await page.hover('#text-0 [data-i="2"]')
    assert.equal(await framed(page), ['attention 0 0', 'mlp 0 0'])
    assert.match((await pin()) ?? '', /Escape/)
    await page.keyboard.press('Escape')
    assert.is(await pin(), '')
    await page.click('#text-0 [data-expert="mlp 0 1"]')
    assert.match((await pin()) ?? '', /Escape/)
    await page.click('#text-0 [data-expert="mlp 0 1"]')
    assert.is(await pin(), '')
  })
})

inBrowser('arrow keys move between tokens and between cells, with a single Tab stop each', async ({ browser }) => {
  await open(browser, {}, async ({ page }) => {
    const at = () =>
      page.$eval(':focus', (element) => element.getAttribute('data-i') ?? element.getAttribute('data-expert'))
    await page.focus('#text-0 [data-i="0"]')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    assert.is(await at(), '2')
    assert.equal(await framed(page), ['attention 0 1', 'mlp 0 1'])
    await page.keyboard.press('Enter')
    assert.match((await page.textContent('#text-0 .pin')) ?? '', /Escape/)
    await page.keyboard.press('Escape')
    await page.keyboard.press('End')
    assert.is(await at(), '11')
    await page.keyboard.press('Shift+Tab')
    assert.is(await at(), 'attention 0 0')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    assert.is(await at(), 'mlp 0 0')
    await page.keyboard.press('ArrowLeft')
    assert.is(await at(), 'attention 0 1')
    assert.is(await page.$$eval('#text-0 [data-i][tabindex="0"]', (stops) => stops.length), 1)
  })
})

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

test.run()
