import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import type { ServedExperts } from '#molm/server/models/source.js'
import { ask, listed, modelsPageSuite, serve, untilCells, visited } from './models-page.js'
import { inSettings } from './nano-page.js'
import { until } from './served.js'
import { texts } from './simulated-server.js'
import { GREETING } from './weather-parrot.js'

const { inBrowser, end } = modelsPageSuite('several models on the page')

const ATLAS: Atlas = {
  ...{ format: 'molm-atlas', version: 1, named: 1, confirmed: 1, texts: [] },
  model: { name: 'nano', experts: { attention: Array(6).fill(8), mlp: Array(6).fill(24) } },
  entries: {
    mlp: [[{ name: 'digits', share: 0.5, tokens: [], texts: [], labels: [{ text: '“:”', share: 0.14, lift: 3 }] }]],
  },
  committees: {},
}

inBrowser('the settings list the models of the computer that the server was not started with', async (context) => {
  const { url } = await serve(context, ['nano'], { installed: async () => ['nano', 'acme/small'] })
  const { data, not_served } = (await (await fetch(new URL('/v1/models', url))).json()) as Record<string, string[]>
  assert.equal([data.length, not_served], [1, ['acme/small']])
  await visited(url, async (page) => {
    await page.click('#open-settings')
    await page.waitForSelector('#other-models:has-text("Also on this computer: acme/small.")')
    assert.is(await page.textContent('#other-models code'), 'molm serve -m nano -m acme/small')
  })
})

inBrowser('the chosen model answers, and the map, the names and the settings are its own', async (context) => {
  const experts: ServedExperts = { atlas: ATLAS, mask: { mlp: [[], [4]], gates: 'all' } }
  const { url } = await serve(context, ['nano', 'parrot'], {}, Promise.resolve(), experts)
  await visited(url, async (page, faults) => {
    const sent: { id?: string; model: string }[] = []
    page.on('request', (request) => {
      if (!request.url().includes('/v1/chat')) return
      sent.push({ id: request.headers()['x-conversation-id'], model: request.postDataJSON().model })
    })
    assert.equal(await listed(page), ['nano · loaded', 'parrot · unloaded'])
    await inSettings(page, () => page.fill('#max-tokens', '4'))
    await ask(page, 'What is a lantern?')
    await untilCells(page, '#map', 6 * (8 + 24))
    assert.match((await page.textContent('#caption')) ?? '', /of 192 experts woke/)
    assert.match((await page.textContent('#map [data-expert="mlp 0 0"] title')) ?? '', /\(digits\)/)
    assert.is(await page.locator('#map .strike').count(), 1)
    await page.click('#map [data-expert="mlp 0 0"]')
    assert.match((await page.textContent('#cell-actions')) ?? '', /^in the atlas: “:” 14\.0 %/)
    await page.click('#map [data-expert="mlp 1 4"]')
    assert.match((await page.textContent('#cell-actions')) ?? '', /the server has switched it off or steers it$/)

    await page.focus('#model')
    await page.keyboard.press('ArrowDown')
    await page.waitForSelector('#about:has-text("2 of 2 MLP experts")', { state: 'attached' })
    assert.is(await page.title(), 'parrot · molm')
    assert.is(await page.textContent('#caption'), 'Experts')
    assert.is(await page.textContent('#pinned'), '')
    await inSettings(page, async () => {
      await page.fill('#tools', '[]')
      await page.selectOption('#think', 'off')
      await page.fill('#max-tokens', '')
    })
    await ask(page, 'Hello')
    assert.equal(await texts(page, '.turn.model > h2'), ['nano', 'parrot'])
    assert.is((await texts(page, '.turn.model > .mounted > .tokens'))[1], GREETING)
    await untilCells(page, '#map', 4)
    assert.is(await page.locator('#map .strike').count(), 0)
    await until(async () => (await listed(page))[1] === 'parrot · loaded')
    await page.click('#fresh')
    await ask(page, 'Hello')
    assert.equal(
      sent.map(({ model }) => model),
      ['nano', 'parrot', 'parrot'],
    )
    assert.match(sent[0].id ?? '', /^[\w-]+$/)
    assert.is(sent[1].id, sent[0].id)
    assert.is.not(sent[2].id, sent[0].id)
    assert.equal(faults, [])
  })
})

end()
