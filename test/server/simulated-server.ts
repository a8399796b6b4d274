import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { Browser, Page } from 'playwright-core'
import type { Think } from '#molm/index.js'
import type { RoutedToken } from '#molm/page/routes.js'
import { pageRoutes } from '#molm/server/page/page.js'
import { type Visit, visit, visitAgain } from '../support/browser.js'

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
    meta: { quant: 'q4', chat_template: isChat, experts, experts_per_token, thinking, tools: true },
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
  refuse?: (body: object) => Response | undefined
  key?: string
  /** Options of a new page; default: the page of earlier tests. */
  options?: Parameters<typeof visit>[1]
}

/** The simulated server during a test. */
interface Told {
  /** Whether the reader of the last answer has left. */
  gone: boolean
  faults: string[]
  /** Ends all connections, as a server that is killed. */
  kill(): void
}

/** Opens the page of a simulated server. */
export async function open(
  browser: Browser,
  { shape = SMALL, answer, refuse, key, options }: Answering,
  use: (page: Page, told: Told) => Promise<void>,
): Promise<void> {
  const told: Told = { gone: false, faults: [], kill: () => undefined }
  const app = new Hono()
  app.route('/', pageRoutes())
  app.use('/v1/*', async (c, next) => {
    if (key === undefined || c.req.header('Authorization') === `Bearer ${key}`) return next()
    return c.json({ error: { message: 'an API key is needed' } }, 401)
  })
  app.get('/v1/models', (c) => c.json({ data: [card(shape)] }))
  app.post('/v1/:path{.+}', async (c) => {
    const asked = await c.req.json()
    const refused = refuse?.(asked)
    if (refused) return refused
    const lines = answer?.(asked)
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
    return c.body(body, 200, { 'Content-Type': 'text/event-stream' })
  })
  const server = createAdaptorServer({ fetch: app.fetch })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const kill = () => {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  }
  told.kill = kill
  try {
    const visited = async ({ page, faults }: Visit) => {
      told.faults = faults
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      await use(page, told)
    }
    await (options ? visit(browser, options, visited) : visitAgain(browser, visited))
  } finally {
    kill()
  }
}

export async function send(page: Page, text = 'a question'): Promise<void> {
  await page.waitForSelector('#send:enabled')
  await page.fill('#message', text)
  await page.press('#message', 'Enter')
}

export const alert = async (page: Page) => {
  await page.waitForSelector('#alert:not(:empty)')
  return page.textContent('#alert')
}
