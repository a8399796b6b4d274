import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import { loadModel } from '#molm/index.js'
import { outlineModel } from '#molm/library/describe-model.js'
import { type Listening, type ListenOptions, listen } from '#molm/server/listen.js'
import type { ModelSource, ServedExperts } from '#molm/server/models/source.js'
import { HAS_BROWSER, loadAnew, sharedBrowser, visitAgain } from '../support/browser.js'
import { repositoryPath } from '../support/fixtures.js'
import { writeParrot } from '../support/parrot-model.js'
import { until } from './served.js'
import { send, texts } from './simulated-server.js'
import { stored } from './stored-conversations.js'
import { WEATHER_PARROT } from './weather-parrot.js'

interface Context {
  dir: string
  open: Listening[]
}

const NANO = repositoryPath('models/nano')

/** A suite on the page of servers of the nano and the weather parrot. */
export function modelsPageSuite(name: string) {
  const test = suite<Context>(name, undefined as unknown as Context)
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
  return { inBrowser: HAS_BROWSER ? test : (test.skip as typeof test), end: () => test.run() }
}

/** Starts a server of the nano and the parrot, or of some of them. Loading the parrot waits for `mayLoad`. */
export async function serve(
  { dir, open }: Context,
  names = ['nano', 'parrot'],
  options: Partial<ListenOptions> = {},
  mayLoad = Promise.resolve(),
  nanoExperts: ServedExperts = {},
): Promise<Listening> {
  const server = await listen({ port: 0, ...options })
  open.push(server)
  const sources = names.map(async (alias): Promise<ModelSource> => {
    const path = alias === 'parrot' ? join(dir, 'parrot') : NANO
    const load: ModelSource['load'] = async ({ memory, signal }) => {
      if (alias === 'parrot') await mayLoad
      const model = await loadModel(path, { threads: 1, memory, signal })
      return { model, ...(alias === 'nano' && nanoExperts) }
    }
    return { alias, outline: await outlineModel(path), load }
  })
  await server.load(await Promise.all(sources))
  return server
}

/** Runs `use` with the page of a server, loaded as in a new tab. */
export async function visited(url: string, use: (page: Page, faults: string[]) => Promise<void>): Promise<void> {
  await visitAgain(await sharedBrowser.get(), {}, async (visit) => {
    await loadAnew(visit, `${url}/`)
    await visit.page.waitForSelector('#send:enabled')
    await use(visit.page, visit.faults)
    await visit.page.goto('about:blank')
  })
}

export async function ask(page: Page, text: string): Promise<void> {
  const before = await page.locator('.turn.model').count()
  await send(page, text)
  await page.locator('.turn.model').nth(before).waitFor()
  await page.waitForSelector('#composer:not(.running)')
}

/** The models in the list, with their states. */
export const listed = (page: Page) => texts(page, '#model option')

/** Waits until a map has a number of experts. */
export const untilCells = (page: Page, map: string, count: number) =>
  until(async () => (await page.locator(`${map} [data-expert]`).count()) === count)

/** Waits until the page has kept its conversations with these models. */
export const untilKeptFor = (page: Page, models: string[]) =>
  until(async () => {
    const { bodies } = await stored(page)
    return isDeepStrictEqual(bodies.map(({ settings }) => settings.model).sort(), models)
  }, models)
