import * as assert from 'uvu/assert'
import { accessibilityFaults } from '../support/accessibility.js'
import { ask, listed, modelsPageSuite, serve, untilKeptFor, visited } from './models-page.js'
import { inSettings } from './nano-page.js'
import { send, texts } from './simulated-server.js'
import { GREETING } from './weather-parrot.js'

const { inBrowser, end } = modelsPageSuite('views and kept conversations of several models')

inBrowser('the comparison is of the chosen model, and answers name their own after a reload', async (context) => {
  const { url } = await serve(context)
  await visited(url, async (page, faults) => {
    await ask(page, 'What is a lantern?')
    await page.reload()
    await page.waitForSelector('.turn.model')
    await page.selectOption('#model', 'parrot')
    await ask(page, 'Hello')
    assert.equal(await texts(page, '.turn.model > h2'), ['nano', 'parrot'])
    await page.click('#to-compare')
    await page.fill('#first', 'Hello')
    await page.fill('#second', 'How are you?')
    await page.click('#comparison [type=submit]')
    await page.waitForSelector('#figure svg')
    assert.is(await page.locator('#figure svg [data-expert^="mlp 5"]').count(), 0)
    await page.selectOption('#model', 'nano')
    assert.is(await page.locator('#figure svg').count(), 0)
    await page.selectOption('#model', 'parrot')
    assert.is(await page.getByLabel('Model', { exact: true }).inputValue(), 'parrot')
    await page.setViewportSize({ width: 390, height: 800 })
    assert.equal(await accessibilityFaults(page), [])
    assert.is(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
    assert.equal(faults, [])
  })
})

inBrowser(
  'a request that waits for its model says so, and a kept conversation chooses its model again',
  async (context) => {
    let start = () => {}
    const mayLoad = new Promise<void>((resolve) => {
      start = resolve
    })
    const server = await serve(context, undefined, {}, mayLoad)
    const { url } = server
    await visited(url, async (page) => {
      await page.selectOption('#model', 'parrot')
      await send(page, 'Hello')
      await page.waitForSelector('.turn.model .note:has-text("loading parrot …")')
      assert.equal(await listed(page), ['nano · loaded', 'parrot · loading'])
      assert.ok(await page.isDisabled('#model'))
      start()
      await page.waitForSelector('.turn.model[aria-busy="false"]')
      assert.equal(await texts(page, '.turn.model > .mounted > .tokens'), [GREETING])
      assert.not.match((await texts(page, '.turn.model > .note')).join(), /loading/)
      await page.waitForSelector('#model:enabled')
      await page.click('#fresh')
      await page.selectOption('#model', 'nano')
      await inSettings(page, () => page.fill('#max-tokens', '4'))
      await ask(page, 'What is a lantern?')
      const openFirst = async () => {
        await page.click('#open-list')
        await page.click('#kept .name:has-text("Hello")')
        await page.waitForSelector('.turn.user:has-text("Hello")')
      }
      await openFirst()
      assert.is(await page.inputValue('#model'), 'parrot')
      assert.is(await page.textContent('#kept-note'), '')

      // A question that is being edited stays, so that another model can answer it.
      await page.getByRole('button', { name: 'Edit the question' }).click()
      await page.fill('.edit textarea', 'Hello, you')
      await page.selectOption('#model', 'nano')
      await untilKeptFor(page, ['nano', 'nano'])
      assert.is(await page.inputValue('.edit textarea'), 'Hello, you')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.selectOption('#model', 'parrot')
      await untilKeptFor(page, ['nano', 'parrot'])

      await server.close()
      await serve(context, ['nano'], { port: Number(new URL(url).port) })
      await page.reload()
      await page.waitForSelector('#kept-note:not(:empty)')
      assert.is(
        await page.textContent('#kept-note'),
        'parrot answered here, which this server does not have. nano answers now.',
      )
      assert.not(await page.isVisible('#model'))
      await ask(page, 'Who are you?')
      assert.equal(await texts(page, '.turn.model > h2'), ['parrot', 'nano'])
      assert.is(await page.textContent('#kept-note'), '')
    })
  },
)

end()
