import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { Browser, Page } from 'playwright-core'
import { suite } from 'uvu'
import type { RoutedToken } from '#molm/api/wire.js'
import type { Think } from '#molm/index.js'
import { pageRoutes } from '#molm/server/page/page.js'
import { HAS_BROWSER, loadAnew, sharedBrowser, type View, visitAgain } from '../support/browser.js'
import { ForWorker } from '../support/for-worker.js'

/* A simulated server, for answers that would be rare, slow or large with a real model. */

export interface Shape {
  layers: number
  attention?: number
  mlp: number
  isChat?: boolean
  thinking?: Think[]
}

export const SMALL: Shape = { layers: 2, attention: 2, mlp: 4 }

function card({ layers, attention, mlp, isChat = true, thinking }: Shape) {
  const of = (experts: number) => Array<number>(layers).fill(experts)
  const experts = { ...(attention && { attention: of(attention) }), mlp: of(mlp) }
  const experts_per_token = { ...(attention && { attention: 1 }), mlp: 2 }
  return {
    id: 'made-up',
    meta: { quant: 'q4', chat_template: isChat, experts, experts_per_token, thinking, tools: isChat },
  }
}

export function token(text: string, { layers, attention, mlp }: Shape, i: number): RoutedToken {
  const experts = Array.from({ length: layers }, (_, layer) => ({
    layer,
    ...(attention && { attention: { ids: [i % attention], gates: [0.5] } }),
    mlp: { ids: [(i + layer) % mlp, (i + layer + 1) % mlp], gates: [0.5, 0.25] },
  }))
  return { token: i, text, experts }
}

/** An event of an answer's stream, with fields of its only choice. */
export const event = (choice: object) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`

export const chunk = (text: string, tokens: RoutedToken[] = []) =>
  event({ delta: { content: text }, text, routed_experts: tokens })

/** A request's body. */
// biome-ignore lint/suspicious/noExplicitAny: tests read fields of any request
export type AskedBody = Record<string, any>

export interface Answering {
  shape?: Shape
  /** Lines of the stream. */
  answer?: (body: AskedBody) => AsyncGenerator<string>
  /** Refusal instead of an answer. */
  refuse?: (body: AskedBody) => Response | undefined
  key?: string
  view?: View
  /** Continues with the page that the test before has loaded, in a new chat: for tests that leave all settings as they are. */
  goesOn?: boolean
  /** False if the test loads the page itself. Default: true. */
  loads?: boolean
}

/** The simulated server during a test. */
interface Told {
  url: string
  /** Whether the reader of the last answer has left. */
  gone: boolean
  faults: string[]
  requests: string[]
  /** Ends all connections, as a server that is killed. */
  kill(): Promise<void>
}

/** One server for all tests, so that the browser loads the page's files once. */
class SimulatedServer {
  private answering: Answering = {}
  private told: Pick<Told, 'gone'> = { gone: false }
  private readonly server = createAdaptorServer({ fetch: this.app().fetch })
  /** Shape of the model when the page was loaded. */
  private loaded?: Shape

  static async start(): Promise<SimulatedServer> {
    const started = new SimulatedServer()
    await new Promise<void>((resolve) => started.server.listen(0, '127.0.0.1', resolve))
    return started
  }

  async visit(browser: Browser, answering: Answering, use: (page: Page, told: Told) => Promise<void>): Promise<void> {
    const { shape = SMALL, key, goesOn, loads = true, view = {} } = answering
    const url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
    await visitAgain(browser, view, async (visit) => {
      const { page, faults, requests } = visit
      const told: Told = { url, gone: false, faults, requests, kill: () => simulated.close() }
      const isLoaded = page.url() === url && this.loaded === shape && key === undefined
      if (goesOn && isLoaded) await page.click('#fresh')
      this.answering = answering
      this.told = told
      this.loaded = shape
      if (loads && !(goesOn && isLoaded)) await loadAnew(visit, url)
      await use(page, told)
      if (key !== undefined) this.loaded = undefined
    })
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve))
    if ('closeAllConnections' in this.server) this.server.closeAllConnections()
    await closed
  }

  private app(): Hono {
    const app = new Hono()
    // The browser need not ask for each module again.
    app.use('/page/*', async (c, next) => {
      await next()
      c.header('Cache-Control', 'max-age=3600')
    })
    app.route('/', pageRoutes())
    app.use('/v1/*', async (c, next) => {
      const { key } = this.answering
      if (key === undefined || c.req.header('Authorization') === `Bearer ${key}`) return next()
      return c.json({ error: { message: 'an API key is needed' } }, 401)
    })
    app.get('/v1/models', (c) => c.json({ data: [card(this.answering.shape ?? SMALL)] }))
    app.post('/v1/:path{.+}', async (c) => this.answer(await c.req.json()))
    return app
  }

  private answer(asked: AskedBody): Response {
    const { answering, told } = this
    const refused = answering.refuse?.(asked)
    if (refused) return refused
    const lines = answering.answer?.(asked)
    const encoder = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const next = await lines?.next()
        if (!next || next.done) controller.close()
        else controller.enqueue(encoder.encode(next.value))
      },
      cancel() {
        told.gone = true
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }
}

const simulated = new ForWorker(SimulatedServer.start, (server) => server.close())

/** Opens the page of a simulated server. */
export async function open(answering: Answering, use: (page: Page, told: Told) => Promise<void>): Promise<void> {
  const [browser, server] = await Promise.all([sharedBrowser.get(), simulated.get()])
  await server.visit(browser, answering, use)
}

/** A suite in the browser, with its tests and its end; without a browser they are skipped. */
export function pageSuite(name: string): {
  inBrowser: (name: string, run: () => Promise<void>) => void
  end: () => void
} {
  const test = suite(name)
  test.after(async () => {
    await sharedBrowser.release()
    await simulated.release()
  })
  return { inBrowser: HAS_BROWSER ? test : test.skip, end: () => test.run() }
}

export async function send(page: Page, text = 'a question'): Promise<void> {
  await page.waitForSelector('#send:enabled')
  await page.fill('#message', text)
  await page.press('#message', 'Enter')
}

/** Waits until the answer to the last question is complete. */
export const answered = (page: Page) =>
  page.waitForSelector('#composer:not(.running) >> xpath=.. >> .turn.model:last-child[aria-busy="false"]')

export const texts = (page: Page, selector = '#turns .tokens') =>
  page.$$eval(selector, (all) => all.map(({ textContent }) => textContent ?? ''))

export const alert = async (page: Page) => {
  await page.waitForSelector('#alert:not(:empty)')
  return page.textContent('#alert')
}
