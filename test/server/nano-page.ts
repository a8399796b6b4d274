import type { Page, Request } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_BROWSER, loadAnew, sharedBrowser, type View, visitAgain } from '../support/browser.js'
import { eventsIn, type Served, sharedNano } from './served.js'
import type { AskedBody } from './simulated-server.js'

interface Opened {
  served: Served
  /** Bodies of the page's requests for answers. */
  bodies: AskedBody[]
}

interface Opening extends View {
  /** Faults that the browser logs though the page handles them. */
  allowed?: RegExp
  /** Server in place of the shared one. */
  url?: string
}

type Use = (page: Page, opened: Opened) => Promise<void>

/** A suite on the page of a server of nano. The page is loaded once, and each test begins a new chat. Answers are greedy. */
export function nanoPageSuite(name: string) {
  const test = suite(name)
  let served: Served
  let loaded = ''
  test.before(async () => {
    if (HAS_BROWSER) served = await sharedNano.get()
  })
  test.after(async () => {
    if (HAS_BROWSER)
      await visitAgain(await sharedBrowser.get(), {}, async ({ page }) => void (await page.goto('about:blank')))
    await sharedBrowser.release()
    if (HAS_BROWSER) await sharedNano.release()
  })

  /** Afterwards the page must have no faults, and no requests to other servers. */
  async function open({ allowed, url = served.url, ...view }: Opening, use: Use): Promise<void> {
    await visitAgain(await sharedBrowser.get(), view, async (visit) => {
      const { page, faults, requests } = visit
      const bodies: AskedBody[] = []
      const note = (request: Request) => {
        if (request.url().endsWith('completions')) bodies.push(JSON.parse(request.postData() ?? '{}'))
      }
      if (loaded === url) {
        await page.click('#to-chat')
        await page.click('#fresh')
      } else {
        await loadAnew(visit, `${url}/`)
        await page.waitForSelector('#send:enabled')
        await set(page, { temperature: '0' })
        loaded = url
      }
      page.on('request', note)
      try {
        await use(page, { served, bodies })
      } finally {
        page.off('request', note)
      }
      const others = faults.filter((fault) => !allowed?.test(fault))
      assert.equal(others, [])
      for (const address of requests) assert.ok(address.startsWith(`${url}/`), address)
    })
  }
  return { inBrowser: HAS_BROWSER ? test : (test.skip as typeof test), open, end: () => test.run() }
}

/** Fills settings by their ids. */
export async function set(page: Page, fields: Record<string, string>): Promise<void> {
  await inSettings(page, async () => {
    for (const [id, text] of Object.entries(fields)) await page.fill(`#${id}`, text)
  })
}

/** Does something in the drawer of the settings. */
export async function inSettings(page: Page, act: () => Promise<unknown>): Promise<void> {
  await page.click('#open-settings')
  await act()
  await page.click('#close-settings')
}

export const atRest = (page: Page) => page.waitForSelector('#composer:not(.running)')

/** Asks, waits for the answer, and returns the events of its stream. */
export async function ask(page: Page, text: string): Promise<AskedBody[]> {
  const response = page.waitForResponse(/completions/)
  await page.fill('#message', text)
  await page.press('#message', 'Enter')
  const stream = await (await response).text()
  await page.waitForSelector('.turn.model:last-child[aria-busy="false"]')
  await atRest(page)
  return eventsIn(stream)
}

export const count = (page: Page, selector: string) => page.$$eval(selector, (all) => all.length)
