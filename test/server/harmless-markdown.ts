import * as assert from 'uvu/assert'
import { chunk, open, send } from './simulated-server.js'

/** Checks that the page draws an answer whole, with fewer than `most` elements, no wider than itself. */
export async function assertHarmless(name: string, text: string, most: number): Promise<void> {
  const answer = async function* () {
    for (const piece of text.match(/[\s\S]{1,100000}/g) ?? []) yield chunk(piece)
    yield 'data: [DONE]\n\n'
  }
  await open({ answer, goesOn: true }, async (page, { faults }) => {
    await send(page)
    // Text that is slow to parse or to draw would take minutes.
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    assert.is(
      await page.$eval('.turn.model > .mounted > .tokens', (element) => element.textContent?.length),
      text.length + (await page.$$('.code')).length * 4,
      name,
    )
    const elements = await page.$$eval('.markdown *', (all) => all.length)
    assert.ok(elements < most, `${name}: ${elements} elements`)
    assert.is(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0, name)
    assert.equal(faults, [])
  })
}
