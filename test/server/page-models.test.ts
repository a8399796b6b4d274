import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { outlineModel } from '#molm/library/outline-model.js'
import { type Listening, type ListenOptions, listen } from '#molm/server/listen.js'
import type { ModelSource } from '#molm/server/models/source.js'
import { accessibilityFaults } from '../support/accessibility.js'
import { HAS_BROWSER, loadAnew, sharedBrowser, visitAgain } from '../support/browser.js'
import { repositoryPath } from '../support/fixtures.js'
import { writeParrot } from '../support/parrot-model.js'
import { until } from './served.js'
import { send } from './simulated-server.js'
import { stored } from './stored-conversations.js'
import { GREETING, WEATHER_PARROT } from './weather-parrot.js'

interface Context {
  dir: string
  open: Listening[]
}

const test = suite<Context>('several models on the page', undefined as unknown as Context)
const inBrowser = HAS_BROWSER ? test : test.skip

const NANO = repositoryPath('models/nano')

test.before(async (context) => {
  if (!HAS_BROWSER) return
  context.dir = await mkdtemp(join(tmpdir(), 'molm-test-'))
  context.open = []
  await writeParrot(join(context.dir, 'parrot'), WEATHER_PARROT)
})
test.after.each(async ({ open = [] }) => {
  for (const server of open.splice(0)) await server.close()
})
test.after(async ({ dir }) => {
  await sharedBrowser.release()
  if (dir) await rm(dir, { recursive: true })
})

/** Starts a server of the nano and the parrot, or of some of them. Loading the parrot waits for `mayLoad`. */
async function serve(
  { dir, open }: Context,
  names = ['nano', 'parrot'],
  options: Partial<ListenOptions> = {},
  mayLoad = Promise.resolve(),
): Promise<Listening> {
  const server = await listen({ port: 0, ...options })
  open.push(server)
  const sources = names.map(async (alias): Promise<ModelSource> => {
    const path = alias === 'parrot' ? join(dir, 'parrot') : NANO
    const load: ModelSource['load'] = async ({ memory, signal }) => {
      if (alias === 'parrot') await mayLoad
      return { model: await loadModel(path, { threads: 1, memory, signal }) }
    }
    return { alias, outline: await outlineModel(path), load }
  })
  await server.load(await Promise.all(sources))
  return server
}

/** Runs `use` with the page of a server, loaded as in a new tab. */
async function visited(url: string, use: (page: Page, faults: string[]) => Promise<void>): Promise<void> {
  await visitAgain(await sharedBrowser.get(), {}, async (visit) => {
    await loadAnew(visit, `${url}/`)
    await visit.page.waitForSelector('#send:enabled')
    await use(visit.page, visit.faults)
    await visit.page.goto('about:blank')
  })
}

async function ask(page: Page, text: string): Promise<void> {
  const before = await page.locator('.turn.model').count()
  await send(page, text)
  await page.locator('.turn.model').nth(before).waitFor()
  await page.waitForSelector('#composer:not(.running)')
}

const texts = (page: Page, selector: string) =>
  page.$$eval(selector, (all) => all.map(({ textContent }) => textContent ?? ''))

/** The models in the list, with their states. */
const listed = (page: Page) => texts(page, '#model option')

/** Waits until a map has a number of experts. */
const untilCells = (page: Page, map: string, count: number) =>
  until(async () => (await page.locator(`${map} [data-expert]`).count()) === count)

/** Waits until the page has kept its conversations with these models. */
const untilKeptFor = (page: Page, models: string[]) =>
  until(async () => {
    const { bodies } = await stored(page)
    return isDeepStrictEqual(bodies.map(({ settings }) => settings.model).sort(), models)
  }, models)

inBrowser(
  'the chosen model answers, and the map, the views, the names and the settings are its own',
  async (context) => {
    const { url } = await serve(context)
    await visited(url, async (page, faults) => {
      const sent: { id?: string; model: string }[] = []
      page.on('request', (request) => {
        if (!request.url().includes('/v1/chat')) return
        sent.push({ id: request.headers()['x-conversation-id'], model: request.postDataJSON().model })
      })
      assert.equal(await listed(page), ['nano · loaded', 'parrot · unloaded'])
      await page.click('#settings summary')
      await page.fill('#max-tokens', '12')
      await ask(page, 'What is a lantern?')
      await untilCells(page, '#map', 6 * (8 + 24))
      assert.match((await page.textContent('#caption')) ?? '', /of 192 experts woke/)
      assert.equal([await page.isVisible('#think'), await page.isVisible('#tools')], [false, false])

      await page.click('#map [data-expert="mlp 3 5"]')
      await page.focus('#model')
      await page.keyboard.press('ArrowDown')
      await page.waitForSelector('#about:has-text("2 of 2 MLP experts")')
      assert.equal([await page.isVisible('#think'), await page.isVisible('#tools')], [true, true])
      assert.is(await page.title(), 'parrot · molm')
      assert.is(await page.textContent('#caption'), 'Experts of the answers')
      assert.is(await page.textContent('#pinned'), '')
      await page.fill('#tools', '[]')
      await page.selectOption('#think', 'off')
      await page.fill('#max-tokens', '')
      await ask(page, 'Hello')
      assert.equal(await texts(page, '.turn.model > h2'), ['nano', 'parrot'])
      assert.is((await texts(page, '.turn.model > .tokens'))[1], GREETING)
      await untilCells(page, '#map', 4)
      await until(async () => (await listed(page))[1] === 'parrot · loaded')

      await page.selectOption('#model', 'nano')
      await untilCells(page, '#map', 6 * (8 + 24))
      await page.fill('#max-tokens', '12')
      await ask(page, 'And a lantern?')
      assert.equal(await texts(page, '.turn.model > h2'), ['nano', 'parrot', 'nano'])
      await page.reload()
      await page.waitForSelector('.turn.model')
      await page.selectOption('#model', 'parrot')
      await ask(page, 'Hello')
      assert.equal(
        sent.map(({ model }) => model),
        ['nano', 'parrot', 'nano', 'parrot'],
      )
      assert.match(sent[0].id ?? '', /^[\w-]+$/)
      assert.is(new Set(sent.map(({ id }) => id)).size, 1)
      await page.click('#fresh')
      await ask(page, 'Hello')
      assert.is.not(sent[4].id, sent[0].id)

      // Each view shows the work of the chosen model.
      await page.selectOption('#model', 'nano')
      await page.click('#to-work')
      await page.waitForSelector('#work-map [data-expert="mlp 5 23"]')
      // The mark of one model is set when another is chosen already.
      let choose: (() => void) | undefined
      const chosen = new Promise<void>((resolve) => {
        choose = resolve
      })
      await page.route('**/experts/mark*', async (route) => {
        const response = await route.fetch()
        await chosen
        await route.fulfill({ response })
      })
      await page.click('#work-mark')
      await page.selectOption('#model', 'parrot')
      const marked = page.waitForResponse((response) => response.url().includes('/experts/mark'))
      choose?.()
      await marked
      await untilCells(page, '#work-map', 4)
      await page.click('#to-compare')
      await page.fill('#first', 'Hello')
      await page.fill('#second', 'How are you?')
      await page.click('#comparison [type=submit]')
      await page.waitForSelector('#figure svg')
      assert.is(await page.locator('#figure svg [data-expert^="mlp 5"]').count(), 0)
      await page.selectOption('#model', 'nano')
      assert.is(await page.locator('#figure svg').count(), 0)
      await page.click('#to-work')
      await page.waitForSelector('#work-map [data-expert="mlp 5 23"]')
      assert.is(await page.textContent('#work-alert'), '')

      await page.selectOption('#model', 'parrot')
      assert.is(await page.getByLabel('Model', { exact: true }).inputValue(), 'parrot')
      await page.setViewportSize({ width: 390, height: 800 })
      assert.equal(await accessibilityFaults(page), [])
      assert.is(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
      assert.equal(faults, [])
    })
  },
)

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
      assert.equal(await texts(page, '.turn.model > .tokens'), [GREETING])
      assert.not.match((await texts(page, '.turn.model > .note')).join(), /loading/)
      await page.waitForSelector('#model:enabled')
      await page.click('#fresh')
      await page.selectOption('#model', 'nano')
      await page.click('#settings summary')
      await page.fill('#max-tokens', '4')
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

test.run()
