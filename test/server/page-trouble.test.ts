import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { until } from '../support/until.js'
import { type AskedBody, alert, chunk, open, pageSuite, SMALL, send, token } from './simulated-server.js'

const { inBrowser, end } = pageSuite('the page in trouble')

const DONE = 'data: [DONE]\n\n'
const EVIL = '<img src=x onerror="document.title=\'evil\'"><script>document.title="evil"</script>'

inBrowser('markup in question, answer, model or error is shown as text', async () => {
  const evil = (body: { messages?: unknown }) => {
    async function* lines() {
      const prompt = { choices: [{ delta: {}, prompt_routed_experts: [token(EVIL, SMALL, 0)] }] }
      yield `data: ${JSON.stringify(prompt)}\n\n`
      yield chunk(EVIL, [token(EVIL, SMALL, 1)])
      yield `data: ${JSON.stringify({ error: { message: EVIL } })}\n\n`
    }
    assert.ok(body.messages)
    return lines()
  }
  await open({ answer: evil }, async (page, { faults }) => {
    await send(page, EVIL)
    assert.is(await alert(page), EVIL)
    assert.is(await page.textContent('.turn.user .tokens'), EVIL)
    assert.is(await page.textContent('.turn.model .tokens'), EVIL)
    await page.hover('.turn.model .tokens span')
    assert.is(await page.$$eval('main img, main script', (found) => found.length), 0)
    assert.is(await page.title(), 'made-up · molm')
    assert.match((await page.textContent('.turn.model .note')) ?? '', /^1 token; cut: the server had an error$/)
    assert.equal(faults, [])
  })
})

inBrowser('an answer is visible while it comes, and Stop ends it on the server too', async () => {
  async function* slow() {
    for (let i = 0; ; i++) {
      yield chunk(`word${i} `, [token(`word${i} `, SMALL, i)])
      await wait(20)
    }
  }
  await open({ answer: slow, goesOn: true }, async (page, told) => {
    await send(page)
    await page.waitForSelector('.turn.model .tokens span:nth-child(5)')
    assert.is(await page.getAttribute('.turn.model', 'aria-busy'), 'true')
    // Meanwhile the newest token's experts are framed.
    await until(async () => (await page.locator('#map .on').count()) === 2 * (1 + 2), 'the frames')
    assert.not.ok(await page.isVisible('#send'))
    await page.click('#stop')
    await page.waitForSelector('.turn.model[aria-busy="false"]')
    assert.match((await page.textContent('.turn.model .note')) ?? '', /^\d+ tokens(, \d+ per second)?; stopped$/)
    assert.match((await page.textContent('.turn.model .tokens')) ?? '', /^word0 word1 /)
    assert.ok(await page.isVisible('#send'))
    assert.is(await page.evaluate('document.activeElement.id'), 'message')
    await until(() => told.gone, 'the end of the answer')
  })
})

inBrowser('a refused question returns to the field, with the server’s message', async () => {
  const refuse = () =>
    Response.json({ error: { message: 'the queue is full' } }, { status: 429, headers: { 'Retry-After': '3' } })
  await open({ refuse, goesOn: true }, async (page) => {
    await send(page, 'is it free?')
    assert.is(await alert(page), 'the queue is full (try again in 3 s)')
    assert.is(await page.inputValue('#message'), 'is it free?')
    assert.is(await page.$$eval('.turn', (turns) => turns.length), 0)
  })
})

inBrowser('the page says how much of a long prompt has been read', async () => {
  let isRead = false
  async function* reading() {
    const progress = { total: 35_000, cache: 1000, processed: 2200, time_ms: 1200 }
    yield `data: ${JSON.stringify({ choices: [{ index: 0, delta: {} }], prompt_progress: progress })}\n\n`
    while (!isRead) await wait(10)
    yield chunk('Yes.', [token('Yes.', SMALL, 0)])
    yield DONE
  }
  const bodies: AskedBody[] = []
  const answer = (body: AskedBody) => {
    bodies.push(body)
    return reading()
  }
  await open({ answer, goesOn: true }, async (page) => {
    await send(page)
    await page.waitForSelector('.turn.model .note:text-is("reading 1.2 k of 34 k tokens, 33 s left")')
    assert.is(bodies[0].return_progress, true)
    // Nothing has been measured yet.
    assert.not.match((await page.textContent('#map')) ?? '', /0\.00/)
    isRead = true
    await page.waitForSelector('.turn.model .note:text-is("1 token")')
  })
})

inBrowser('an answer that is stopped before its first token is no cut answer, and the question returns', async () => {
  async function* reading() {
    const progress = { total: 35_000, cache: 1000, processed: 2200, time_ms: 1200 }
    yield `data: ${JSON.stringify({ choices: [{ index: 0, delta: {} }], prompt_progress: progress })}\n\n`
    await wait(60_000, undefined, { ref: false })
  }
  await open({ answer: reading, goesOn: true }, async (page, { kill }) => {
    for (const [stop, says] of [
      [() => page.click('#stop'), 'stopped while reading'],
      [kill, 'the server went away; stopped while reading'],
    ] as const) {
      await send(page, 'What is a lantern?')
      await page.waitForSelector('.turn.model .note:has-text("reading")')
      await stop()
      assert.is(await alert(page), says)
      assert.is(await page.inputValue('#message'), 'What is a lantern?')
      assert.is(await page.$$eval('.turn', (turns) => turns.length), 0)
    }
  })
})

inBrowser('the page asks for a key if the server requires one, asks again if it is wrong, and keeps it', async () => {
  async function* short() {
    yield chunk('hello', [token('hello', SMALL, 0)])
    yield DONE
  }
  await open({ answer: short, key: 'open sesame' }, async (page) => {
    await page.waitForSelector('#key-dialog[open]')
    await page.fill('#key', 'wrong')
    await page.press('#key', 'Enter')
    await page.waitForSelector('#key-alert:not(:empty)')
    await page.fill('#key', 'open sesame')
    await page.press('#key', 'Enter')
    await send(page)
    await page.waitForSelector('.turn.model .tokens:has-text("hello")')
    await page.reload()
    await page.waitForSelector('#send:enabled')
    assert.not.ok(await page.isVisible('#key-dialog'))
  })
})

inBrowser('a model without a chat template continues the text', async () => {
  const prompts: (string | undefined)[] = []
  const further = ({ prompt }: { prompt?: string }) => {
    async function* lines() {
      prompts.push(prompt)
      yield chunk(' upon a time', [token(' upon a time', SMALL, 0)])
      yield DONE
    }
    return lines()
  }
  await open({ shape: { ...SMALL, isChat: false }, answer: further }, async (page) => {
    for (const text of ['Once', ', there was']) {
      await send(page, text)
      await page.waitForSelector('#composer:not(.running)')
      await page.waitForSelector('.turn.model:last-child[aria-busy="false"]')
    }
    assert.equal(prompts, ['Once', 'Once upon a time, there was'])
    await page.click('#open-settings')
    assert.equal([await page.isVisible('#system'), await page.isVisible('#tools')], [true, false])
  })
})

inBrowser('an answer that breaks off stays, and is marked as cut', async () => {
  async function* broken() {
    yield chunk('so far', [token('so far', SMALL, 0)])
  }
  async function* killed() {
    yield* broken()
    await wait(60_000, undefined, { ref: false })
  }
  for (const answer of [broken, killed]) {
    await open({ answer, goesOn: true }, async (page, { kill }) => {
      await send(page)
      await page.waitForSelector('.turn.model .tokens:has-text("so far")')
      if (answer === killed) await kill()
      assert.is(await alert(page), 'the server went away; this answer is cut')
      assert.is(await page.textContent('.turn.model .tokens'), 'so far')
      assert.match((await page.textContent('.turn.model .note')) ?? '', /^1 token; cut: the server went away$/)
      await send(page, 'still there?')
      if (answer !== killed) return
      await page.waitForSelector('#alert:has-text("the server does not answer; is it still running?")')
      assert.is(await page.inputValue('#message'), 'still there?')
    })
  }
})

end()
