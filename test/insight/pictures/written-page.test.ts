import type { Browser, Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { amountColour, expertColour } from '#molm/insight/pictures/blocks/expert-colours.js'
import { renderHtml } from '#molm/insight/pictures/html/html.js'
import { drawUsage } from '#molm/insight/pictures/kinds/usage-figure.js'
import { accessibilityFaults } from '../../support/accessibility.js'
import { HAS_BROWSER, sharedBrowser } from '../../support/browser.js'
import { codeOf, proseOf } from '../../support/prose-and-code.js'
import { HTML, open } from './open-page.js'

const test = suite<{ browser: Browser }>(
  'the page written by molm experts',
  undefined as unknown as { browser: Browser },
)
const inBrowser = HAS_BROWSER ? test : test.skip

test.before(async (context) => {
  if (!HAS_BROWSER) return
  context.browser = await sharedBrowser.get()
})
test.after(() => sharedBrowser.release())

const framed = (page: Page) =>
  page.$$eval('section.text .on', (cells) => cells.map((cell) => cell.getAttribute('data-expert')))
const lit = (page: Page) =>
  page.$$eval('.tokens span', (tokens) =>
    tokens.flatMap((token, i) => ((token as { style?: { background: string } }).style?.background ? [i] : [])),
  )

inBrowser('pointing at a token frames its experts and shows their gates', async ({ browser }) => {
  await open(browser, undefined, async ({ page }) => {
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
  await open(browser, undefined, async ({ page }) => {
    await page.hover('#text-0 [data-expert="mlp 0 1"]')
    assert.equal(await lit(page), [2, 6, 10])
    assert.is(await page.textContent('#text-0 .detail'), 'layer 0, mlp expert 1: 25.0 % of the tokens')
    await page.hover('#text-0 .layer > text:first-child')
    assert.is((await lit(page)).length, 12)
  })
})

inBrowser('a click pins, and a second click or Escape unpins', async ({ browser }) => {
  await open(browser, undefined, async ({ page }) => {
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
  await open(browser, undefined, async ({ page }) => {
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
    // The three controls of the player and the number of a layer come before its cells.
    for (let i = 0; i < 5; i++) await page.keyboard.press('Tab')
    assert.is(await at(), 'attention 0 0')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    assert.is(await at(), 'mlp 0 0')
    await page.keyboard.press('ArrowLeft')
    assert.is(await at(), 'attention 0 1')
    assert.is(await page.$$eval('#text-0 [data-i][tabindex="0"]', (stops) => stops.length), 1)
  })
})

/** Backgrounds of a section's tokens, as the browser computes them. */
const backgrounds = (page: Page, section = '#text-0') =>
  page.evaluate(
    `Array.from(document.querySelectorAll('${section} [data-i]'), (token) => getComputedStyle(token).backgroundColor)`,
  ) as Promise<string[]>
const rgb = (colour: readonly number[]) => `rgb(${colour.join(', ')})`

inBrowser(
  'tokens have the colours of their strongest experts, the same in all texts, light or dark',
  async ({ browser }) => {
    await open(browser, undefined, async ({ page }) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        const [first, second, third] = [0, 1, 2].map((expert) => rgb(expertColour(expert, colorScheme)))
        assert.equal((await backgrounds(page)).slice(0, 4), [first, first, second, first])
        assert.equal(await backgrounds(page, '#text-1'), Array(6).fill(third))
      }
      await page.emulateMedia({ colorScheme: 'light' })
      const experts = await page.$$eval('#text-0 .chip', (chips) => chips.map(({ textContent }) => textContent))
      assert.equal(experts, ['0 · 75 %', '1 · 25 %'])
    })
  },
)

inBrowser(
  'the control colours all texts by another layer, by surprise, by sleepers or by nothing',
  async ({ browser }) => {
    const texts = [proseOf(3), codeOf(3)]
    for (const text of texts) text.surprise = text.tokens.map((_, i) => (i === 0 ? undefined : i % 12))
    await open(
      browser,
      undefined,
      async ({ page }) => {
        await page.selectOption('#text-0 .colouring select', 'surprise')
        const [none, , two, , , , , , , , ten, eleven] = await backgrounds(page)
        assert.is(none, 'rgba(0, 0, 0, 0)')
        assert.is(two, rgb(amountColour(0.2, 'light')))
        assert.equal([ten, eleven], Array(2).fill(rgb(amountColour(1, 'light'))))
        assert.equal(await page.textContent('#text-0 .legend'), '0 bits10 bits or more')
        assert.is((await backgrounds(page, '#text-1'))[2], two)
        await page.selectOption('#text-1 .colouring select', 'attention 0')
        assert.is((await backgrounds(page))[2], rgb(expertColour(1, 'light')))
        assert.is(await page.inputValue('#text-0 .colouring select'), 'attention 0')
        await page.selectOption('#text-0 .colouring select', '')
        assert.equal(await backgrounds(page), Array(12).fill('rgba(0, 0, 0, 0)'))
        assert.is(await page.textContent('#text-0 .legend'), '')
      },
      renderHtml(drawUsage(texts)),
    )
    assert.not.match(HTML, /value="surprise"/)
    assert.match(renderHtml(drawUsage(texts, { colour: { by: 'sleepers' } })), /<option value="sleepers" selected>/)
  },
)

inBrowser(
  'a text plays token after token, and its slider, p and Escape work without a pointer',
  async ({ browser }) => {
    await open(browser, {}, async ({ page }) => {
      await page.clock.pauseAt(Date.now() + 1000)
      const signs = (kind: string) =>
        page.$$eval(`#text-0 .tokens .${kind}`, (all) => all.map((one) => one.getAttribute('data-i')))
      await page.keyboard.press('p')
      assert.equal([await signs('now'), (await signs('later')).length], [['0'], 11])
      await page.clock.runFor(500)
      assert.equal([await signs('now'), (await signs('later')).length], [['2'], 9])
      assert.equal(await framed(page), ['attention 0 1', 'mlp 0 1'])
      const fill = (expert: number) =>
        page.evaluate(`getComputedStyle(document.querySelector('#text-0 [data-expert="mlp 0 ${expert}"]')).fill`)
      assert.is.not(await fill(1), await fill(2))
      // The button has the focus, and pauses.
      await page.keyboard.press('Enter')
      await page.clock.runFor(5000)
      assert.equal(await signs('now'), ['2'])
      await page.focus('#text-0 .player input')
      await page.keyboard.press('ArrowRight')
      assert.is(await page.textContent('#text-0 .player output'), '4 of 12')
      assert.equal(await framed(page), ['attention 0 0', 'mlp 0 0'])
      await page.selectOption('#text-0 .player select', '16')
      await page.keyboard.press('p')
      await page.clock.runFor(1000)
      assert.equal([await signs('now'), await signs('later'), await framed(page)], [[], [], []], 'it ends by itself')
      await page.keyboard.press('p')
      await page.keyboard.press('Escape')
      assert.equal(await signs('later'), [])
      assert.is(await page.textContent('#text-0 .player button'), 'Play')
    })
  },
)

inBrowser('a pinned token shows what its experts say, if the page knows', async ({ browser }) => {
  const text = proseOf(3)
  const [up, down] = [[{ token: 1, value: 2 }], [{ token: 2, value: -1 }]]
  const experts = [{ kind: 'mlp' as const, layer: 0, expert: 1, gate: 0.75, share: 0.125, up, down }]
  await open(
    browser,
    {},
    async ({ page }) => {
      await page.focus('#text-0 [data-i="2"]')
      assert.is(await page.textContent('#text-0 div.voices'), '')
      await page.keyboard.press('Enter')
      const cells = () => page.$$eval('#text-0 .voices td', (cells) => cells.map(({ textContent }) => textContent))
      assert.equal(await cells(), ['layer 0, MLP 1', '75.0\u00a0%', '12.5\u00a0%', '·"x ', '⏎ '])
      await page.keyboard.press('Escape')
      assert.equal(await cells(), [])
      await page.click('#text-0 p.legend .chip')
      assert.is((await cells()).length, 5)
      await page.click('#text-0 [data-i="0"]')
      assert.equal(await cells(), [], 'nothing is known of another token')
    },
    renderHtml({ ...drawUsage([text]), lenses: [{ text, token: 2, lens: { model: text.model, experts } }] }),
  )
})

const PHONE = { width: 390, height: 844 }
const boxOf = (page: Page, selector: string) =>
  page.$eval(selector, (element) => element.getBoundingClientRect().toJSON() as Record<string, number>)

inBrowser(
  'a conversation looks like one beside its map, and plays without the signs of its template',
  async ({ browser }) => {
    const turns = [
      { role: 'user', isThought: false, from: 1, to: 3 },
      { role: 'assistant', isThought: true, from: 4, to: 6 },
      { role: 'assistant', isThought: false, from: 6, to: 9 },
    ]
    await open(
      browser,
      {},
      async ({ page }) => {
        const texts = await page.$$eval('.turn .tokens', (all) => all.map(({ textContent }) => textContent))
        assert.equal(texts, ['"x<b>', '<b> "x', '<b>\n<b>'])
        assert.not.match((await page.textContent('main')) ?? '', /bits|Jain/)
        const [question, answer, map] = await Promise.all(
          ['.turn.user .tokens', '.turn.model .tokens', '.map'].map((part) => boxOf(page, part)),
        )
        assert.ok(question.left > answer.left + 200 && question.right <= map.left && map.top < 100)
        await page.clock.pauseAt(Date.now() + 1000)
        await page.keyboard.press('p')
        const now = () => page.$eval('.tokens .now', (token) => token.getAttribute('data-i'))
        assert.is(await now(), '1')
        assert.not.ok(await page.isVisible('.thoughts .tokens'))
        await page.clock.runFor(600)
        assert.is(await now(), '4')
        assert.ok(await page.isVisible('.thoughts .now'), 'thoughts unfold when they are played')
        await page.keyboard.press('Escape')
        await page.clock.resume()
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          assert.equal(await accessibilityFaults(page), [], colorScheme)
        }
        await page.setViewportSize(PHONE)
        assert.ok((await boxOf(page, '.turn.model .tokens')).bottom <= (await boxOf(page, '.map')).top)
      },
      renderHtml({ ...drawUsage([proseOf(3)]), turns }),
    )
  },
)

inBrowser('of two texts both and their difference are seen at once, and no map covers words', async ({ browser }) => {
  await open(
    browser,
    { viewport: { width: 1280, height: 800 } },
    async ({ page }) => {
      const parts = ['.text + :not(.text) svg', '#text-0 .reading > div', '#text-1 .reading > div', '#text-0 .map']
      const [difference, first, second, map] = await Promise.all(parts.map((part) => boxOf(page, part)))
      assert.ok(difference.bottom < first.top && first.top === second.top && first.right < second.left)
      assert.ok(first.bottom <= map.top && map.top < 800)
      assert.equal(await accessibilityFaults(page), [])
      await page.click('summary:text("Numbers")')
      assert.match((await page.textContent('details[open] svg')) ?? '', /bits.*Jain/s)
      await page.setViewportSize(PHONE)
      const [text, below] = [await boxOf(page, parts[1]), await boxOf(page, parts[0])]
      assert.ok(text.top < 500 && below.top > text.bottom, 'on a phone the text comes first')
    },
    renderHtml(drawUsage([proseOf(90), codeOf(90)])),
  )
})

inBrowser('an expert of the legend lights its tokens, and nothing else is coloured meanwhile', async ({ browser }) => {
  await open(browser, undefined, async ({ page }) => {
    await page.hover('#text-0 .chip >> nth=1')
    assert.equal(await lit(page), [2, 6, 10])
    assert.is((await backgrounds(page))[0], 'rgba(0, 0, 0, 0)')
    assert.equal(await framed(page), ['mlp 0 1'])
    await page.click('#text-0 .chip >> nth=1')
    assert.match((await page.textContent('#text-0 .pin')) ?? '', /Escape/)
    await page.keyboard.press('Escape')
    assert.is((await backgrounds(page))[0], rgb(expertColour(0, 'light')))
  })
})

test.run()
