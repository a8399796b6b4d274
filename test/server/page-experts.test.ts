import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/experts/atlas.js'
import { changesSentence, wordChanges } from '#molm/experts/word-changes.js'
import { perMixture } from '#molm/model/config.js'
import { amountColour, expertColour } from '#molm/pictures/expert-colours.js'
import { toHex } from '#molm/pictures/palette.js'
import { listen } from '#molm/server/listen.js'
import { untilOnPage } from '../support/browser.js'
import { ask, atRest, count, nanoPageSuite, set } from './nano-page.js'
import { post, until } from './served.js'

const { inBrowser, open, nano, end } = nanoPageSuite('experts on the page of the server')

inBrowser('a pointed token is named above its experts, and the text is coloured by experts or surprise', async () => {
  await open({}, async (page, { served, bodies }) => {
    assert.is(await page.textContent('#caption'), 'Experts of the answers')
    const number = await page.textContent('#map .layer > text:last-child')
    assert.match(number ?? '', /^–/)
    await ask(page, 'What is a violin?')
    assert.is(await count(page, '#map .frame'), 0)
    assert.is(await page.textContent('#experts .detail'), '')
    assert.match(
      (await page.textContent('#caption')) ?? '',
      /^All answers: \d+ of 192 experts woke; \d+ of them did half of the work$/,
    )
    const note = (await page.textContent('.turn.model .note')) ?? ''
    const [, woke, slept] =
      /; (\d+) of 192 experts woke; \d+ of them did half of the work; (\d+) slept$/.exec(note) ?? []
    assert.is(Number(slept) + Number(woke), 192, note)
    await page.hover('.turn.model .tokens span:nth-child(2)')
    const token = await page.textContent('.turn.model .tokens span:nth-child(2)')
    assert.is(await page.textContent('#experts .detail div'), `experts of ${JSON.stringify(token)}`)
    assert.is(await count(page, '#map .frame'), 6 * (2 + 4))

    // The text is coloured by the strongest expert of a layer, and by surprise.
    const { url } = served
    const { body } = await post(url, '/v1/chat/completions', { ...bodies[0], stream: false })
    const [{ routed_experts, logprobs }] = body.choices
    const colours = (): Promise<string[]> =>
      page.$$eval('.turn.model .tokens span', (spans) =>
        spans.map((span) =>
          (span as unknown as { style: { getPropertyValue(n: string): string } }).style.getPropertyValue('--token'),
        ),
      )
    assert.is(await count(page, '.coloured'), 0)
    await page.selectOption('#colour-by', 'mlp 3')
    const hex = (expert: number) => toHex(expertColour(expert, 'light'))
    const shown = await colours()
    assert.equal(
      shown.slice(0, 5),
      routed_experts
        .slice(0, 5)
        .map((token: { experts: { mlp: { ids: number[] } }[] }) => hex(token.experts[3].mlp.ids[0])),
    )
    assert.ok((await count(page, '#colour-legend .swatch')) > 1)
    await page.selectOption('#colour-by', 'surprise')
    const amount = ({ logprob }: { logprob: number }) => amountColour(Math.min(1, -logprob / Math.LN2 / 10), 'light')
    assert.equal(
      (await colours()).slice(0, 5),
      logprobs.content.slice(0, 5).map((scored: never) => toHex(amount(scored))),
    )
    // A question's tokens have experts, but no surprise: nothing scored them.
    assert.is(await count(page, '.turn.user .coloured'), 0)
    await page.selectOption('#colour-by', 'off')
    assert.is(await count(page, '.coloured'), 0)
  })
})

inBrowser('an expert is switched off: the question is answered again, and the next ones without it', async () => {
  await open({}, async (page, { bodies, served }) => {
    await set(page, { temperature: '1', seed: '4' })
    await ask(page, 'What is a violin?')
    bodies.length = 0
    await page.click('#map [data-expert="attention 3 3"]')
    await page.click('#cell-actions button')
    await page.waitForSelector('.turn.without .sentence:has-text("without")')
    await atRest(page)
    // The first answer was sampled, so both are made again.
    assert.equal(
      bodies.map(({ mask, temperature, seed }) => ({ mask, temperature, seed })),
      [
        { mask: [], temperature: 0, seed: undefined },
        { mask: ['3:attention:3'], temperature: 0, seed: undefined },
      ],
    )
    const texts: string[] = []
    for (const body of bodies) {
      const answer = await post(served.url, '/v1/chat/completions', { ...body, stream: false })
      texts.push(answer.body.choices[0].message.content)
    }
    assert.equal(await page.$$eval('.without .answer', (all) => all.map(({ textContent }) => textContent)), texts)
    const changes = wordChanges(texts[0], texts[1])
    assert.is(
      await page.textContent('.without .sentence'),
      `without layer 3 attention expert 3: ${changesSentence(changes)}`,
    )
    const marked = changes.after.flatMap(({ text, differs }) => (differs ? [text] : []))
    assert.equal(
      await page.$$eval('.without .two > :last-child mark', (all) => all.map(({ textContent }) => textContent)),
      marked,
    )
    assert.is(await count(page, '#map .strike'), 1)
    assert.is(await page.textContent('#switched-off-list li'), 'layer 3 attention expert 3 ×')

    await ask(page, 'And a drum?')
    assert.equal(bodies.at(-1)?.mask, ['3:attention:3'])
    await page.click('#switched-off-list button')
    assert.not(await page.isVisible('#switched-off'))
    await page.waitForSelector('#map .strike', { state: 'detached' })
    await ask(page, 'And a flute?')
    assert.is(bodies.at(-1)?.mask, undefined)
    await set(page, { temperature: '0', seed: '' })
  })
})

inBrowser('x switches the focused expert off, and a refusal switches it on again', async () => {
  await open({ allowed: /status of 400/ }, async (page, { bodies }) => {
    await page.focus('#map [data-expert="mlp 2 7"]')
    await page.keyboard.press('x')
    assert.is(await page.textContent('#switched-off-list li'), 'layer 2 mlp expert 7 ×')
    await page.keyboard.press('x')
    assert.not(await page.isVisible('#switched-off'))
    // An answer that is greedy itself is not made again.
    await ask(page, 'What is a violin?')
    bodies.length = 0
    await page.focus('#map [data-expert="mlp 2 7"]')
    await page.keyboard.press('x')
    await page.waitForSelector('.turn.without .sentence:has-text("without")')
    await atRest(page)
    assert.equal(
      bodies.map(({ mask }) => mask),
      [['2:mlp:7']],
    )
    await page.route('**/completions', (route) =>
      route.fulfill({ status: 400, json: { error: { message: 'too few experts' } } }),
    )
    await page.focus('#map [data-expert="mlp 2 8"]')
    await page.keyboard.press('x')
    await page.waitForSelector('#alert:has-text("too few experts")')
    assert.is(await count(page, '#switched-off-list li'), 1)
    assert.is(await count(page, '.turn.without'), 1)
  })
})

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
      '(() => { const { scrollWidth, clientWidth } = document.querySelector("#about"); return scrollWidth - clientWidth })()'
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

inBrowser('the work of all clients is shown, from the start or from now', async () => {
  await open({}, async (page, { served }) => {
    await post(served.url, '/v1/completions', { prompt: 'A lantern', max_tokens: 8 })
    await page.click('#to-work')
    await page.waitForSelector('#work-caption:has-text("did half of the work")')
    assert.is(await count(page, '#work-map [data-expert]'), 192)
    assert.is(await count(page, '#work-most li'), 10)
    await page.click('#work-mark')
    await page.waitForSelector('#work-caption:has-text("none of 192 experts woke")')
    await post(served.url, '/v1/completions', { prompt: 'Two', max_tokens: 1 })
    await page.waitForSelector('#work-caption:has-text("did half of the work")')
    await page.click('#work-all')
    await page.waitForSelector('#work-since:has-text("the server started")')
  })
})

inBrowser('an atlas names the cells, and a mask of the server strikes experts out', async () => {
  const { model } = nano()
  const { mixtures } = model.config
  const atlas: Atlas = {
    ...{ format: 'molm-atlas', version: 1, named: 1, confirmed: 1, texts: [] },
    model: { name: 'nano', experts: perMixture(mixtures, ({ experts }) => experts) },
    entries: { mlp: [[{ name: 'digits', share: 0.5, tokens: [], texts: [] }]] },
    committees: {},
  }
  const server = await listen({ port: 0 })
  server.open(model, { atlas, mask: { mlp: [[], [4]], gates: 'all' } })
  try {
    await open({ url: server.url }, async (page) => {
      const title = () => page.textContent('#map [data-expert="mlp 0 0"] title')
      await until(async () => /digits/.test((await title()) ?? ''), 'the map with names')
      await page.hover('#map [data-expert="mlp 0 0"]')
      assert.is(await page.textContent('#experts .detail'), 'layer 0, mlp expert 0 (digits): 0.0 % of the tokens')
      assert.is(await count(page, '#map .strike'), 1)
      await page.click('#map [data-expert="mlp 1 4"]')
      assert.is(await page.textContent('#cell-actions'), 'the server has switched it off')
    })
  } finally {
    await server.close()
  }
})

end()
