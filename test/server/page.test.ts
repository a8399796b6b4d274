import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import type { RoutedToken } from '#molm/api/wire.js'
import { measureUsage } from '#molm/index.js'
import { usageMaps } from '#molm/insight/pictures/kinds/usage-figure.js'
import { everyExpert } from '#molm/insight/usage/awake.js'
import { ExpertUsage } from '#molm/insight/usage/usage.js'
import type { PerMixture } from '#molm/model/config/config.js'
import { layerRoutes, type ModelCard, pageModel } from '#molm/page/requests/routes.js'
import { drawUsage } from '#molm/pictures.js'
import { LANTERN } from '../support/lantern.js'
import { ask, atRest, nanoPageSuite, set } from './nano-page.js'
import { until } from './served.js'
import type { AskedBody } from './simulated-server.js'

const { inBrowser, open, end } = nanoPageSuite('the page of the server')

/** The API's routes of question and answer, from the events of the answer. */
function routesOf(events: AskedBody[]): { prompt: RoutedToken[]; answer: RoutedToken[] } {
  const choices = events.flatMap(({ choices }) => choices as Record<string, RoutedToken[]>[])
  return {
    prompt: choices.flatMap(({ prompt_routed_experts = [] }) => prompt_routed_experts),
    answer: choices.flatMap(({ routed_experts = [] }) => routed_experts),
  }
}

const framed = (page: Page) =>
  page.$$eval('#map .on[data-expert]', (cells) => cells.map((cell) => cell.getAttribute('data-expert')).sort())

/** Cells of a token's experts. */
const cellsOf = ({ experts }: RoutedToken) =>
  (experts ?? [])
    .flatMap(({ layer, ...kinds }) =>
      Object.entries(kinds as PerMixture<{ ids: number[] }>).flatMap(([kind, { ids }]) =>
        ids.map((id) => `${kind} ${layer} ${id}`),
      ),
    )
    .sort()

inBrowser(
  'a click asks a question of the first screen; the context counts it, and a folded map leaves the middle',
  async () => {
    await open({}, async (page) => {
      const questions = await page.$$eval('#questions button', (all) => all.map(({ textContent }) => textContent))
      assert.equal(questions, ['What is a lighthouse?', 'What is 23 + 45?', 'Write a short poem about the sea.'])
      await page.fill('#message', 'a draft')
      await page.click('#questions button:text("23 + 45")')
      await page.waitForSelector('.turn.model .tokens:has-text("23 + 45 = 68")')
      await atRest(page)
      assert.match((await page.textContent('#context')) ?? '', /^context \d\d of \d/)
      assert.is(await page.inputValue('#message'), 'a draft')
      await page.fill('#message', '')
      const width = () => page.$eval('.turn.model', (turn) => turn.clientWidth)
      const lines = await page.$eval('#caption', (caption) => caption.getClientRects().length)
      assert.equal([await width(), lines], [660, 1])
      const centre = () => page.$eval('.turn.model', (turn) => turn.getBoundingClientRect().left + turn.clientWidth / 2)
      const beside = await centre()
      await page.click('#experts summary')
      assert.is(await width(), 660, 'a line stays as long')
      assert.ok((await centre()) > beside + 100)
      await page.click('#experts summary')
    })
  },
)

inBrowser(
  'title and field are there before the script, which keeps what was typed and the place of the cursor',
  async () => {
    await open({}, async (page) => {
      let begin = () => {}
      const begun = new Promise<void>((resolve) => {
        begin = resolve
      })
      await page.route('**/page/app.js', async (route) => {
        await begun
        await route.continue()
      })
      await page.reload({ waitUntil: 'commit' })
      assert.is(await page.textContent('h1'), 'molm')
      await page.click('#message')
      await page.keyboard.type('Ships are')
      await page.keyboard.press('Home')
      begin()
      await page.waitForSelector('#send:enabled')
      await page.keyboard.type('Hm: ')
      assert.is(await page.inputValue('#message'), 'Hm: Ships are')
      await set(page, { temperature: '0' })
      await page.fill('#message', '')
    })
  },
)

inBrowser('Tab stops once at the numbers of the layers, and the arrows move between them', async () => {
  await open({}, async (page) => {
    await page.waitForSelector('#map .layer')
    const stops = await page.$$eval('#map [tabindex="0"]', (all) => all.map(({ textContent }) => textContent?.trim()))
    assert.is(stops.filter((text) => /^\d+$/.test(text ?? '')).length, 1)
    assert.is(stops.length, 2, 'the numbers and the cells')
    await page.focus('#map .layer > text:first-child')
    await page.keyboard.press('ArrowDown')
    assert.match((await page.textContent('#talk .detail')) ?? '', /^layer 1: /)
    await page.keyboard.press('End')
    assert.match((await page.textContent('#talk .detail')) ?? '', /^layer 5: /)
  })
})

inBrowser('a question that was stopped before its answer leaves the field with its chat', async () => {
  await open({}, async (page) => {
    await page.route('**/completions', () => undefined)
    await page.fill('#message', 'What is a lighthouse?')
    await page.press('#message', 'Enter')
    await page.click('#stop')
    await atRest(page)
    assert.is(await page.inputValue('#message'), 'What is a lighthouse?')
    await page.unroute('**/completions')
    await page.click('#fresh')
    assert.is(await page.inputValue('#message'), '')
  })
})

inBrowser('a message is answered, and the map shows the answer’s tokens', async () => {
  await open({}, async (page, { served }) => {
    assert.is(
      await page.textContent('#about'),
      'nano (q4); per layer a token uses 2 of 8 attention experts and 4 of 24 MLP experts',
    )
    const { answer } = routesOf(await ask(page, LANTERN.question))
    assert.is((await page.textContent('.turn.model .tokens'))?.trim(), LANTERN.answer)
    assert.match((await page.textContent('.turn.model .note')) ?? '', new RegExp(`^${answer.length} tokens`))

    const listed = (await (await fetch(`${served.url}/v1/models`)).json()) as { data: ModelCard[] }
    const model = pageModel(listed.data[0])
    const usage = new ExpertUsage(served.model.config)
    for (const token of answer) if (token.experts) usage.add(layerRoutes(token, model), 1)
    const [map] = usageMaps([{ name: '', usage, model }]).maps
    const expected = everyExpert(usage).map((place) => map.describe(place))
    const isDrawn = async () =>
      (await page.textContent('#map [data-expert="mlp 5 0"] title')) ===
      map.describe({ kind: 'mlp', layer: 5, expert: 0 })
    await until(isDrawn, 'the map')
    const titles = await page.$$eval('#map [data-expert] title', (all) => all.map(({ textContent }) => textContent))
    assert.equal(titles.sort(), expected.sort())
  })
})

inBrowser('pointing at a token frames its experts, and pointing at an expert lights its tokens', async () => {
  await open({}, async (page) => {
    const { prompt, answer } = routesOf(await ask(page, 'What is a violin?'))
    const texts = (of: string) =>
      page.$$eval(`${of} .tokens span`, (spans) => spans.map(({ textContent }) => textContent))
    const [asked, said] = [await texts('.turn.user'), await texts('.turn.model')]
    assert.is(asked.join(''), 'What is a violin?')
    assert.ok(asked.length > 3)
    assert.equal(
      said.map((text) => text?.trim()),
      answer.slice(0, said.length).map(({ text }) => text.trim()),
    )

    await page.hover('.turn.model .tokens span:nth-child(3)')
    assert.equal(await framed(page), cellsOf(answer[2]))
    const detail = (await page.textContent('#experts .detail')) ?? ''
    for (const { layer, mlp } of answer[2].experts ?? []) {
      const gate = (Math.round(100 * (mlp?.gates[0] ?? 0)) / 100).toFixed(2).replace(/^0/, '')
      assert.match(detail, new RegExp(`layer ${layer}: attention .* mlp ${mlp?.ids[0]} ${gate}`))
    }
    const first = prompt.findIndex(({ text }, i) => text.includes('What') && prompt[i + 1]?.text.includes(' is'))
    await page.hover('.turn.user .tokens span:nth-child(1)')
    assert.equal(await framed(page), cellsOf(prompt[first]))

    const [cell] = cellsOf(answer[0])
    await page.hover(`#map [data-expert="${cell}"]`)
    const script = `Array.from(document.querySelectorAll('.turn.model .tokens span'), (span) => span.style.background !== '')`
    const shown = (await page.evaluate(script)) as boolean[]
    assert.equal(
      shown,
      shown.map((_, i) => cellsOf(answer[i]).includes(cell)),
    )
  })
})

inBrowser('the next question includes the conversation, and a new chat does not', async () => {
  await open({}, async (page, { bodies }) => {
    await ask(page, 'What is a violin?')
    bodies.length = 0
    await ask(page, 'And a drum?')
    assert.equal(
      bodies[0].messages.map(({ role }: { role: string }) => role),
      ['user', 'assistant', 'user'],
    )
    await page.click('#fresh')
    assert.is(await page.$$eval('.turn', (turns) => turns.length), 0)
    assert.ok(await page.isVisible('#hint'))
    await set(page, { system: 'Be kind.', 'max-tokens': '3' })
    bodies.length = 0
    const { answer } = routesOf(await ask(page, 'What is a drum?'))
    assert.equal(
      bodies[0].messages.map(({ role }: { role: string }) => role),
      ['system', 'user'],
    )
    assert.is(answer.length, 3)
    assert.match((await page.textContent('.turn.model .note')) ?? '', /, the limit/)
    await set(page, { system: '', 'max-tokens': '' })
  })
})

inBrowser('the page can be used with the keyboard alone', async () => {
  await open({}, async (page) => {
    assert.is(await page.getAttribute(':focus', 'id'), 'message')
    await page.focus('#message')
    await page.keyboard.type('What is a violin?')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.turn.model:last-child[aria-busy="false"]')
    await atRest(page)
    const at = (name: string) => page.$eval(':focus', (element, name) => element.getAttribute(name), name)
    // Back from the message, past the answer's buttons: its tokens are one Tab stop.
    for (let i = 0; i < 4 && (await at('data-i')) === null; i++) await page.keyboard.press('Shift+Tab')
    const first = Number(await at('data-i'))
    await page.keyboard.press('ArrowRight')
    assert.is(Number(await at('data-i')), first + 1)
    assert.is((await framed(page)).length, 6 * (2 + 4))
    await page.keyboard.press('Enter')
    assert.match((await page.textContent('.pin')) ?? '', /Escape/)
    await page.keyboard.press('Escape')
    assert.is(await page.textContent('.pin'), '')
    // Then to the map.
    for (let i = 0; i < 12 && (await at('data-expert')) === null; i++) await page.keyboard.press('Tab')
    assert.is(await at('data-expert'), 'attention 0 0')
    await page.keyboard.press('ArrowDown')
    assert.is(await at('data-expert'), 'attention 1 0')
  })
})

inBrowser('while an answer comes, nothing moves what the user reads', async () => {
  await open({}, async (page) => {
    // Not a key or a click: the browser leaves out what moves soon after these.
    await page.evaluate(`{
      window.shift = 0
      window.shifts = new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) window.shift += value
      })
      window.shifts.observe({ type: 'layout-shift' })
    }`)
    await page.fill('#message', 'Write a short poem about the sea.')
    await page.evaluate(`document.querySelector('#composer').requestSubmit()`)
    await page.waitForSelector('.turn.model:last-child[aria-busy="false"] .tokens [data-i]')
    await atRest(page)
    const frame = 'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))'
    const shift = async () => {
      await page.evaluate(frame)
      return page.evaluate('window.shift') as Promise<number>
    }
    const moved = await shift()
    assert.ok(moved < 0.05, `a shift of ${moved}`)
    await page.evaluate(`document.querySelector('#turns').style.paddingTop = '300px'`)
    await until(async () => (await shift()) > 0.05, 'the browser to notice a shift')
    await page.evaluate(`{
      document.querySelector('#turns').style.paddingTop = ''
      window.shifts.disconnect()
    }`)
  })
})

inBrowser('before the first question rings show how many experts a token wakes', async () => {
  await open({}, async (page) => {
    const rings = () =>
      page.evaluate(`Array.from(document.querySelectorAll('#map rect.sample'), (cell) => getComputedStyle(cell).strokeWidth)
        .filter((width) => width === '2.5px').length`)
    await page.waitForSelector('#map rect.sample')
    assert.is(await rings(), 6 * (2 + 4))
    assert.is(await page.textContent('#caption'), '192 experts, all asleep')
    await ask(page, 'What is 23 + 45?')
    assert.is(await rings(), 0)
  })
})

inBrowser('a taller window has a larger map', async () => {
  await open({}, async (page) => {
    const height = () => page.$eval('#map rect[data-expert]', (cell) => cell.getBoundingClientRect().height)
    const before = await height()
    await page.setViewportSize({ width: 1280, height: 1200 })
    await until(async () => (await height()) > 1.1 * before, 'a larger map')
  })
})

/** Drops a file of these bytes, or of `count` zeros, on the page. */
const drop = (page: Page, name: string, content: string | number) =>
  page.evaluate(`{
    const data = new DataTransfer()
    data.items.add(new File([${typeof content === 'number' ? `new Uint8Array(${content})` : JSON.stringify(content)}], '${name}'))
    document.querySelector('#talk').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
  }`)

inBrowser('dropped and chosen text files go before the next message, and others are refused by name', async () => {
  await open({}, async (page, { bodies }) => {
    const files = () => page.$$eval('#files button', (all) => all.map(({ textContent }) => textContent))
    const refusal = (why: string) => page.waitForSelector(`#alert:text("${why}")`)
    await drop(page, 'lamp.bin', 3)
    await refusal('lamp.bin: not a text in UTF-8')
    await drop(page, 'large.txt', 5e6)
    await refusal('large.txt: 5.00 MB are too much for a message, which takes 4.00 MB')
    await drop(page, 'empty.txt', ' ')
    await refusal('empty.txt: the file is empty')
    await drop(page, 'notes.txt', 'The lamp is lit.\n')
    await page.waitForSelector('#files')
    assert.is(await page.textContent('#alert'), '')
    await page.setInputFiles('#composer input', {
      name: 'more.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('By night.'),
    })
    await page.waitForSelector('#files button >> nth=1')
    assert.equal(await files(), ['notes.txt, 16 characters ×', 'more.txt, 9 characters ×'])
    await page.click('[aria-label="leave more.txt out"]')
    await ask(page, 'What is lit?')
    assert.equal(bodies.at(-1)?.messages, [{ role: 'user', content: 'The lamp is lit.\nWhat is lit?' }])
    assert.equal(await files(), [], 'it goes once')
  })
})

inBrowser('two prompts are compared as molm experts compares them', async () => {
  await open({}, async (page, { served }) => {
    const texts = ['The capital of France is Paris.', 'const <b>x</b> = 1']
    const read = await Promise.all(
      texts.map((text, i) => measureUsage(served.model, { name: ['first', 'second'][i], text })),
    )
    const [, difference] = drawUsage(read).blocks
    await page.click('#to-compare')
    await page.fill('#first', texts[0])
    await page.fill('#second', texts[1])
    await page.click('#comparison button')
    // The comparison of another test may still be shown.
    await until(async () => (await page.locator('#text-1 .tokens').allTextContents())[0] === texts[1], 'the figure')
    await page.waitForSelector('#text-1 svg')
    const titles = await page.$$eval('#figure section:not(.text) title', (all) => all.map((title) => title.textContent))
    const { maps } = difference as ReturnType<typeof usageMaps>
    const expected = everyExpert(new ExpertUsage(maps[0])).map((place) => maps[0].describe(place))
    assert.equal(titles.sort(), expected.sort())
    assert.equal(
      await page.$$eval('#figure .sentence', (all) => all.map(({ textContent }) => textContent)),
      drawUsage(read).sentences,
    )
    await page.hover('#text-1 .tokens [data-i="1"]')
    const cells = await page.$$eval('#text-1 .on', (all) => all.map((cell) => cell.getAttribute('data-expert')))
    const expectedCells = read[1]
      .at(1)
      .flatMap((layer, l) =>
        Object.entries(layer).flatMap(([kind, { ids }]) => Array.from(ids, (id) => `${kind} ${l} ${id}`)),
      )
    assert.equal(cells.sort(), expectedCells.sort())
  })
})

inBrowser('on a narrow screen nothing is wider than the screen', async () => {
  await open({ viewport: { width: 340, height: 700 } }, async (page) => {
    const overflow = () => page.evaluate('document.documentElement.scrollWidth - innerWidth')
    await ask(page, `What is a violin? ${'x'.repeat(200)}`)
    assert.is(await overflow(), 0)
    assert.not(await page.isVisible('#map svg'), 'the map is folded')
    await page.click('#experts summary')
    await page.waitForSelector('#map svg')
    assert.is(await overflow(), 0)
    assert.ok(await page.isVisible('#message'))
  })
})

inBrowser('it is dark if the user prefers dark', async () => {
  await open({}, async (page) => {
    const brightness = async (colorScheme: 'light' | 'dark') => {
      await page.emulateMedia({ colorScheme })
      const script = `[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('#map text')).fill]`
      const colours = (await page.evaluate(script)) as string[]
      return colours.map((colour) =>
        Array.from(colour.matchAll(/\d+/g), Number).reduce((sum, channel) => sum + channel),
      )
    }
    const [[paper, ink], [darkPaper, darkInk]] = [await brightness('light'), await brightness('dark')]
    assert.ok(paper > ink && darkPaper < darkInk, String([paper, ink, darkPaper, darkInk]))
  })
})

end()
