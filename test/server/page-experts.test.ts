import * as assert from 'uvu/assert'
import type { Rgb } from '#molm/ground/output/colours.js'
import { amountColour, type Background, expertColour } from '#molm/insight/pictures/blocks/expert-colours.js'
import type { lensObject } from '#molm/insight/pictures/kinds/lens-figure.js'
import { changesSentence, wordChanges } from '#molm/insight/word-changes.js'
import { ask, atRest, count, inSettings, nanoPageSuite, set } from './nano-page.js'
import { post } from './served.js'

type Said = ReturnType<typeof lensObject>['experts'][number]

const { inBrowser, open, end } = nanoPageSuite('experts on the page of the server')

inBrowser('a pointed token is named above its experts, and the text is coloured by experts or surprise', async () => {
  await open({}, async (page, { served, bodies }) => {
    assert.is(await page.textContent('#caption'), '192 experts, all asleep')
    assert.not.match((await page.textContent('#map')) ?? '', /entropy/)
    await inSettings(page, () => page.check('#numbers'))
    await page.waitForSelector('#map:has-text("bits")')
    assert.match((await page.textContent('#map')) ?? '', /–/)
    await inSettings(page, () => page.uncheck('#numbers'))
    await ask(page, 'What is a violin?')
    assert.is(await count(page, '#map .frame'), 0)
    assert.is(await page.textContent('#experts .detail'), '')
    assert.match((await page.textContent('#caption')) ?? '', /^\d+ of 192 experts woke$/)
    const note = (await page.textContent('.turn.model .note')) ?? ''
    assert.match(note, /^\d+ tokens(, \d+ per second)?$/)
    await page.hover('.turn.model .tokens span:nth-child(2)')
    const token = await page.textContent('.turn.model .tokens span:nth-child(2)')
    assert.is(await page.textContent('#experts .detail div'), `experts of ${JSON.stringify(token)}`)
    assert.is(await count(page, '#map .frame'), 6 * (2 + 4))

    // The text is coloured by the strongest expert of a layer, and by surprise.
    const { url } = served
    const { body } = await post(url, '/v1/chat/completions', { ...bodies[0], stream: false })
    const [{ routed_experts, logprobs }] = body.choices
    const colours = (): Promise<string[]> =>
      page.evaluate(
        `[...document.querySelectorAll('.turn.model .tokens span')].map((span) => getComputedStyle(span).backgroundColor)`,
      )
    assert.is(await count(page, '.coloured'), 0)
    await inSettings(page, () => page.selectOption('#colour-by', 'mlp 3'))
    const rgb = (colour: Rgb) => `rgb(${colour.join(', ')})`
    const colourOf = (background: Background) => (token: { experts: { mlp: { ids: number[] } }[] }) =>
      rgb(expertColour(token.experts[3].mlp.ids[0], background))
    assert.equal((await colours()).slice(0, 5), routed_experts.slice(0, 5).map(colourOf('light')))
    // The page's theme may be another one than the system's.
    await inSettings(page, () => page.selectOption('#theme', 'dark'))
    assert.equal((await colours()).slice(0, 5), routed_experts.slice(0, 5).map(colourOf('dark')))
    await inSettings(page, () => page.selectOption('#theme', ''))
    assert.ok((await count(page, '#colour-legend .swatch')) > 1)
    await inSettings(page, () => page.selectOption('#colour-by', 'surprise'))
    const amount = ({ logprob }: { logprob: number }) => amountColour(Math.min(1, -logprob / Math.LN2 / 10), 'light')
    assert.equal(
      (await colours()).slice(0, 5),
      logprobs.content.slice(0, 5).map((scored: never) => rgb(amount(scored))),
    )
    // A question's tokens have experts, but no surprise: nothing scored them.
    assert.is(await count(page, '.turn.user .coloured'), 0)
    await inSettings(page, () => page.selectOption('#colour-by', 'off'))
    assert.is(await count(page, '.coloured'), 0)
  })
})

inBrowser('on a phone, a tap at a word opens the map that was folded, with the experts of the word', async () => {
  await open({ viewport: { width: 390, height: 844 } }, async (page) => {
    const isOpen = () => page.$eval('#experts', (map) => map.hasAttribute('open'))
    await ask(page, 'What is a violin?')
    assert.not.ok(await isOpen())
    const token = page.locator('.turn.model .tokens span').nth(1)
    await token.click()
    await page.waitForSelector('#map .frame')
    assert.is(await page.textContent('#experts .detail div'), `experts of ${JSON.stringify(await token.textContent())}`)
    assert.is(await count(page, '#map .frame'), 6 * (2 + 4))
    assert.ok(await isOpen())
    assert.ok(await page.isVisible('#cell-actions button'))
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

inBrowser('the slider of an expert steers it: the question is answered again, and the next ones so', async () => {
  await open({}, async (page, { bodies }) => {
    await ask(page, 'What is a violin?')
    bodies.length = 0
    await page.click('#map [data-expert="mlp 5 21"]')
    const slide = (value: string) =>
      page.$eval(
        '.steer input',
        (input, value) => {
          Object.assign(input, { value })
          input.dispatchEvent(new Event('change', { bubbles: true }))
        },
        value,
      )
    await slide('1.5')
    await page.waitForSelector('.turn.without .sentence:has-text("at +1.5: ")')
    await atRest(page)
    assert.equal(
      bodies.map(({ mask }) => mask),
      [['5:mlp:21=+1.5']],
    )
    assert.is(await page.textContent('#switched-off-list li'), 'layer 5 mlp expert 21 +1.5 ×')
    assert.is(await count(page, '#map .strike'), 1)
    await ask(page, 'And a drum?')
    assert.equal(bodies.at(-1)?.mask, ['5:mlp:21=+1.5'])
    // A reload keeps it, and 0 frees the expert.
    await page.reload()
    await page.waitForSelector('#switched-off-list li:has-text("+1.5")')
    await page.click('#map [data-expert="mlp 5 21"]')
    assert.is(await page.textContent('.steer output'), '+1.5')
    await slide('0')
    await page.waitForSelector('.turn.without .sentence:has-text("at 0: ")')
    await atRest(page)
    assert.not(await page.isVisible('#switched-off'))
  })
})

inBrowser('the button of a pinned token and the key l say what chose it, and what its experts say next', async () => {
  await open({}, async (page, { served, bodies }) => {
    await page.click('#map [data-expert="mlp 4 2"]')
    await page.click('#cell-actions button')
    const stream = await ask(page, 'What is a violin?')
    const prompt = stream.flatMap(({ choices }) => choices?.[0]?.prompt_routed_experts ?? [])
    const answer = stream.flatMap(({ choices }) => choices?.[0]?.routed_experts ?? [])
    const ids = [...prompt, ...answer].map(({ token }) => token)
    const rows = () => page.$$eval('#experts .voices tr', (rows) => rows.map(({ textContent }) => textContent))
    await page.click('.turn.model .tokens span:nth-child(2)')
    await page.click('#cell-actions button')
    await page.waitForSelector('#experts .voices table')
    const mask = bodies.at(-1)?.mask
    assert.equal(mask, ['4:mlp:2'])
    const agrees = async (length: number) => {
      const { body } = await post(served.url, '/experts/lens', { prompt: ids.slice(0, length), mask })
      const { experts, chosen_by }: ReturnType<typeof lensObject> = body
      const [, ...shown] = await rows()
      const heads = shown.findIndex((row) => row?.includes('makes likelier'))
      const [chose, said] = [shown.slice(0, heads), shown.slice(heads + 1)]
      const place = ({ layer, kind, expert }: Said) => `layer ${layer}, ${kind === 'mlp' ? 'MLP' : kind} ${expert}`
      const [strongest] = chosen_by.toSorted((a, b) => Math.abs(b.logit) - Math.abs(a.logit))
      assert.ok(chose[0]?.startsWith(place(strongest as never)), chose[0] ?? '')
      assert.ok(chose[0]?.endsWith(Math.abs(strongest.logit).toFixed(1)), chose[0] ?? '')
      const size = ({ up, down }: Said) => Math.max(up[0].logit, -down[0].logit)
      const [loudest] = experts.toSorted((a, b) => size(b) - size(a))
      assert.ok(said[0]?.startsWith(place(loudest)) && said[0]?.includes(loudest.up[0].text.trim()), said[0] ?? '')
      assert.ok(chose.length <= chosen_by.length && said.length <= experts.length)
    }
    await agrees(prompt.length + 2)
    assert.not(await page.isVisible('#experts .detail'))
    await page.keyboard.press('Escape')
    assert.equal(await rows(), [])
    await page.focus('.turn.user .tokens span:nth-child(2)')
    await page.keyboard.press('l')
    await page.waitForSelector('#experts .voices table')
    const spans = prompt.map(({ text }) => text)
    await agrees(spans.indexOf(' is') + 1)
    await page.keyboard.press('Escape')
    await page.click('#switched-off-list button')
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

inBrowser('the expert that matters is found by a button and by a key, ringed, and left out from then on', async () => {
  await open({}, async (page) => {
    await ask(page, 'What is the capital of Italy?')
    await page.click('button:has-text("Which expert matters?")')
    await page.waitForSelector('.matters')
    const headline = (await page.textContent('.matters .headline')) ?? ''
    assert.match(headline, /^Without layer \d, (attention|MLP) \d+: /)
    assert.ok((await count(page, '.matters mark')) > 0, 'changed words are marked')
    assert.match(
      (await page.textContent('.matters .note')) ?? '',
      /^All \d+ woken experts were left out, one at a time\./,
    )
    assert.is(await count(page, '#map .looked'), 1)
    const place = () => page.getAttribute('#map .looked', 'data-expert')
    const first = await place()
    await page.click('.matters li:nth-child(2) button')
    await page.waitForSelector(`#map .looked:not([data-expert="${first}"])`)
    assert.is.not(await page.textContent('.matters .headline'), headline)
    await page.click('.matters .note button')
    const [kind, layer, expert] = ((await place()) ?? '').split(' ')
    await page.waitForSelector(`#switched-off-list li:has-text("layer ${layer} ${kind} expert ${expert}")`)
    await page.click('#all-on')

    // A key asks about one token of the answer.
    const asked = page.waitForRequest(/experts\/matters$/)
    await page.focus('.turn.model .tokens span:nth-child(3)')
    await page.keyboard.press('m')
    const { prompt, answer, token } = (await asked).postDataJSON()
    assert.ok(prompt.length > 4 && answer.length > 4)
    assert.is(token, 2)
    await atRest(page)
  })
})

inBrowser('answers of an earlier visit are read again to show their experts', async () => {
  await open({}, async (page, { bodies }) => {
    await ask(page, 'What is a lighthouse?')
    await ask(page, 'What is 23 + 45?')
    const tokens = () =>
      page.$$eval('#turns .tokens', (all) => all.map((text) => text.querySelectorAll('[data-i]').length))
    const [before, caption] = [await tokens(), await page.textContent('#caption')]
    assert.not(await page.isVisible('#read-again'))
    await page.reload()
    await page.waitForSelector('#read-again:visible')
    assert.equal(await tokens(), [0, 0, 0, 0])
    await page.click('#read-again')
    await page.waitForSelector('#caption:has-text("experts woke")')
    await atRest(page)
    const after = await tokens()
    assert.equal([after[0], after[2]], [before[0], before[2]])
    assert.ok(after[1] > 9 && after[3] > 4, after.join())
    assert.match(caption ?? '', /experts woke$/)
    assert.not(await page.isVisible('#read-again'))
    assert.is(bodies.at(-1)?.max_tokens, 1)
    assert.is(await count(page, '.turn'), 4, 'nothing is added')
  })
})

end()
