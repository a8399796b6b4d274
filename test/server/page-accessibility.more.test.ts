import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { accessibilityFaults } from '../support/accessibility.js'
import { inSettings } from './nano-page.js'
import { chunk, open, pageSuite, SMALL, send, token } from './simulated-server.js'

const { inBrowser, end } = pageSuite('accessibility of the page')

const ANSWER = `# Lighthouses

A **light**house, see [Wikipedia](https://en.wikipedia.org/wiki/Lighthouse) and \`inline\`.

\`\`\`js
turn(1)
\`\`\`

> A quote

| lamp | height |
|:-----|-------:|
| Pharos | 100 |
`

async function* answer() {
  for (const [i, piece] of (ANSWER.match(/[\s\S]{1,5}/g) ?? []).entries()) yield chunk(piece, [token(piece, SMALL, i)])
  yield 'data: [DONE]\n\n'
}

async function assertFaultless(page: Page, what: string): Promise<void> {
  assert.equal(await accessibilityFaults(page), [], what)
  assert.is(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0, what)
}

inBrowser('answers, conversations and settings have no faults in light and dark, wide and narrow', async () => {
  await open({ answer }, async (page) => {
    const press = (name: string) => page.getByRole('button', { name }).last().click()
    const answered = () => page.waitForSelector('#composer:not(.running)')
    await send(page)
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    await press('Regenerate')
    await page.waitForSelector('.pager')
    await answered()
    for (const [colorScheme, width] of [
      ['light', 1400],
      ['dark', 1400],
      ['dark', 390],
      ['light', 390],
    ] as const) {
      const what = `${colorScheme} ${width}`
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      await inSettings(page, () => page.selectOption('#colour-by', 'mlp 0'))
      await assertFaultless(page, what)
      await inSettings(page, () => page.selectOption('#colour-by', 'off'))
      await page.hover('.turn.user')
      await press('Edit')
      await assertFaultless(page, `${what}, editing`)
      await page.keyboard.press('Escape')
      await page.click('#open-settings')
      await assertFaultless(page, `${what}, the settings`)
      await page.click('#close-settings')
      await page.click('#open-list')
      await page.locator('.more').last().click()
      await page.click('#delete-all')
      await assertFaultless(page, `${what}, the list`)
      await page.click('#list-close')
    }
  })
})

end()
