import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { until } from '../support/until.js'
import { DONE } from './kept-page.js'
import { type AskedBody, chunk, open, pageSuite, SMALL, send, token } from './simulated-server.js'

const { inBrowser, end } = pageSuite('long answers and refused fields on the page')

inBrowser('the details that the user looks at stay while tokens come', async () => {
  let isOver = false
  async function* slow() {
    for (let i = 0; !isOver; i++) {
      // From the tenth token on all choose the same expert, so that the share of the others falls.
      yield chunk(`word${i} `, [token(`word${i} `, SMALL, Math.min(i, 10))])
      await wait(20)
    }
    yield DONE
  }
  await open({ answer: slow, goesOn: true }, async (page) => {
    await send(page)
    await page.click('.turn.model .tokens span:nth-child(2)')
    const shown = () => page.textContent('#experts .detail')
    const before = await shown()
    await page.waitForSelector('.turn.model .tokens span:nth-child(12)')
    assert.is(await shown(), before)
    // Meanwhile the map is redrawn again and again.
    await page.keyboard.press('Escape')
    const cell = '#map [data-expert="mlp 1 2"]'
    await page.focus(cell)
    const [share, fill] = [await page.textContent(`${cell} title`), await page.getAttribute(cell, 'fill')]
    await page.waitForSelector('.turn.model .tokens span:nth-child(25)')
    isOver = true
    assert.is(await page.getAttribute(':focus', 'data-expert'), 'mlp 1 2')
    assert.not.equal([await page.textContent(`${cell} title`), await page.getAttribute(cell, 'fill')], [share, fill])
    await page.waitForSelector('.turn.model[aria-busy="false"]')
  })
})

inBrowser('a long answer scrolls to its end unless the user has scrolled away', async () => {
  let isOver = false
  async function* long() {
    for (let i = 0; !isOver; i++) {
      yield chunk(`line ${i}\n`, [token(`line ${i}\n`, SMALL, i)])
      await wait(3)
    }
    yield DONE
  }
  await open({ answer: long, goesOn: true }, async (page) => {
    const left = () => page.evaluate('turns.scrollHeight - turns.clientHeight - turns.scrollTop') as Promise<number>
    await send(page)
    await page.waitForSelector('.turn.model .tokens span:nth-child(60)')
    await until(async () => (await left()) < 60, 'the end of the answer')
    await page.evaluate('turns.scrollTop = 0')
    await page.waitForSelector('.turn.model .tokens span:nth-child(120)')
    isOver = true
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    assert.is(await page.evaluate('turns.scrollTop'), 0)
    assert.ok(await page.isVisible('#message'))
  })
})

inBrowser('a long conversation asks for the experts of its answers alone', async () => {
  const asked: unknown[] = []
  const echo = ({ routed_experts }: AskedBody) => {
    async function* lines() {
      asked.push(routed_experts)
      yield chunk('hello', [token('hello', SMALL, 1)])
      yield DONE
    }
    return lines()
  }
  await open({ answer: echo, goesOn: true }, async (page) => {
    for (const [i, text] of ['short', 'long '.repeat(900), 'short again'].entries()) {
      await send(page, text)
      await page.waitForSelector(`.turn.model >> nth=${i}`)
      await page.waitForSelector('.turn.model:last-child[aria-busy="false"]')
    }
    assert.equal(asked, [true, 'answer', 'answer'])
    assert.match((await page.textContent('#caption')) ?? '', /of 12 experts woke/)
  })
})

inBrowser('what a server refuses to report is left out, and the question is answered', async () => {
  const unless = (isRefused: (body: AskedBody) => boolean, param: string) => (body: AskedBody) =>
    isRefused(body) ? Response.json({ error: { message: 'not here', param } }, { status: 400 }) : undefined
  async function* hello(reported = [token('hello', SMALL, 1)]) {
    yield chunk('hello', reported)
    yield DONE
  }
  for (const [refuse, answer, note] of [
    // A prompt of more tokens than its characters promise.
    [unless((body) => body.routed_experts === true, 'routed_experts'), hello, /^1 token/],
    [unless((body) => 'routed_experts' in body, 'routed_experts'), () => hello([]), /reports no experts/],
    [unless((body) => 'return_progress' in body, 'return_progress'), hello, /^1 token/],
  ] as const) {
    await open({ answer: () => answer(), refuse, goesOn: true }, async (page) => {
      await send(page)
      await page.waitForSelector('.turn.model[aria-busy="false"]')
      assert.is(await page.textContent('.turn.model .tokens'), 'hello')
      assert.match((await page.textContent('.turn.model .note')) ?? '', note)
      assert.is(await page.textContent('#alert'), '')
    })
  }
})

end()
