import * as assert from 'uvu/assert'
import { untilOnPage } from '../support/browser.js'
import { ask, nanoPageSuite } from './nano-page.js'

const { inBrowser, open, end } = nanoPageSuite('experts on a narrow page')

inBrowser('on a narrow screen the map is folded below its caption, and the newest answer stays in view', async () => {
  await open({ viewport: { width: 1000, height: 500 } }, async (page) => {
    for (const thing of ['violin', 'drum', 'lighthouse']) await ask(page, `What is a ${thing}?`)
    await page.click('#map [data-expert="mlp 5 20"]')
    await page.setViewportSize({ width: 390, height: 600 })
    await page.waitForSelector('#map', { state: 'hidden' })
    assert.ok(await page.isVisible('#caption'))
    const isInView = `(() => {
      const [turns, note] = [document.querySelector('#turns'), document.querySelector('.turn.model:last-child .note')]
      return note.getBoundingClientRect().bottom <= turns.getBoundingClientRect().bottom + 20
    })()`
    await untilOnPage(page, isInView)
    const about =
      '(() => { const { scrollWidth, clientWidth } = document.querySelector("header"); return scrollWidth - clientWidth })()'
    assert.is(await page.evaluate(about), 0, 'the header is not cut')
    await page.click('#experts summary')
    // The frame of the pinned cell follows it to its new place.
    const isAround = `(() => {
        const place = (selector) => document.querySelector(selector)?.getBoundingClientRect()
        const [cell, frame] = [place('#map [data-expert="mlp 5 20"]'), place('#map .frame')]
        return frame !== undefined && Math.abs(frame.x - cell.x) < 2 && Math.abs(frame.y - cell.y) < 2
      })()`
    await untilOnPage(page, isAround)
    await page.click('#cell-actions button')
    await page.waitForSelector('#map', { state: 'hidden' })
    await page.waitForSelector('.turn.without .sentence:has-text("without layer 5 mlp expert 20")')
    assert.ok(await page.isVisible('.turn.without'))
  })
})

end()
