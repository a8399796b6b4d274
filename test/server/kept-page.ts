import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import { until } from './served.js'
import { type AskedBody, answered, chunk, SMALL, send, texts, token } from './simulated-server.js'
import { stored } from './stored-conversations.js'

export const DONE = 'data: [DONE]\n\n'

/** Answers each request with its number, and keeps the requests' bodies. */
export function numbered() {
  const bodies: AskedBody[] = []
  async function* lines(number: number) {
    yield chunk(`answer ${number}`, [token(`answer ${number}`, SMALL, number)])
    yield DONE
  }
  const answer = (body: AskedBody) => lines(bodies.push(body))
  return { bodies, answer }
}

export async function ask(page: Page, text: string): Promise<void> {
  const before = await page.locator('.turn.model').count()
  await send(page, text)
  await page.locator('.turn.model').nth(before).waitFor()
  await answered(page)
}

/** Clicks the visible button with a name. */
export const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).last().click()

/** Waits until the list has these titles; a moment ago it may have had others. */
export const untilListed = (page: Page, expected: string[]) =>
  until(async () => isDeepStrictEqual(await texts(page, '#kept .name'), expected), expected.join(', '))

/** The same for a list that is opened for it, and closed again. */
export async function untilTitles(page: Page, expected: string[]): Promise<void> {
  await page.click('#open-list')
  await untilListed(page, expected)
  await page.keyboard.press('Escape')
  await page.waitForSelector('#message:focus')
}

/** Reloads once the last answer has been kept. */
export async function reload(page: Page): Promise<void> {
  await until(
    async () => {
      const shown = (await texts(page, '.turn.model > .mounted > .tokens')).at(-1)
      const { bodies } = await stored(page)
      return bodies.some(({ exchanges, last }) => {
        const { content, end } = exchanges[last].answer
        return content === shown && end !== 'cut'
      })
    },
    'the kept answer',
    50,
  )
  await page.reload()
  await page.waitForSelector('#send:enabled')
}
