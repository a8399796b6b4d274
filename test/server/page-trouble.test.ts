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
    assert.match((await page.textContent('.turn.model .note')) ?? '', /^1 token; cut: the server had an error; /)
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
    assert.is(await page.textContent('.turn.model .note'), 'stopped')
    assert.match((await page.textContent('.turn.model .tokens')) ?? '', /^word0 word1 /)
    assert.ok(await page.isVisible('#send'))
    assert.is(await page.evaluate('document.activeElement.id'), 'message')
    await until(() => told.gone, 'the end of the answer')
  })
})

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
      assert.match((await page.textContent('.turn.model .note')) ?? '', /^1 token; cut: the server went away; /)
      await send(page, 'still there?')
      if (answer !== killed) return
      await page.waitForSelector('#alert:has-text("the server does not answer; is it still running?")')
      assert.is(await page.inputValue('#message'), 'still there?')
    })
  }
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
    assert.match((await page.textContent('#map')) ?? '', /–/)
    isRead = true
    await page.waitForSelector('.turn.model .note:has-text("1 token;")')
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
    assert.match((await page.textContent('.turn.model:last-child .note')) ?? '', /of 12 experts woke/)
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
    [unless((body) => body.routed_experts === true, 'routed_experts'), hello, /of 12 experts woke/],
    [unless((body) => 'routed_experts' in body, 'routed_experts'), () => hello([]), /reports no experts/],
    [unless((body) => 'return_progress' in body, 'return_progress'), hello, /of 12 experts woke/],
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
  })
})

end()
