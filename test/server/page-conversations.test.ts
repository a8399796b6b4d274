import * as assert from 'uvu/assert'
import { ask, DONE, numbered, press, reload, untilListed, untilTitles } from './kept-page.js'
import { count, inSettings } from './nano-page.js'
import { until } from './served.js'
import { type AskedBody, answered, chunk, event, open, pageSuite, SMALL, texts, token } from './simulated-server.js'
import { stored } from './stored-conversations.js'

const { inBrowser, end } = pageSuite('conversations of the page')

inBrowser(
  'thoughts, calls, results, settings, comparisons and switched off experts stay over a reload, and the key does not',
  async () => {
    const call = {
      index: 0,
      id: 'c1',
      type: 'function',
      function: { name: 'get_weather', arguments: '{"city":"Bern"}' },
    }
    async function* calling() {
      yield event({
        delta: { reasoning_content: 'I ask.' },
        routed_experts: [{ ...token('I ask.', SMALL, 1), kind: 'thinking' }],
      })
      yield event({ delta: { tool_calls: [call] }, routed_experts: [{ ...token('<call>', SMALL, 2), kind: 'call' }] })
      yield DONE
    }
    const { answer: plain, bodies } = numbered()
    const answer = (body: AskedBody) => {
      const lines = plain(body)
      return bodies.length === 1 ? calling() : lines
    }
    await open({ answer, key: 'open sesame' }, async (page, { faults }) => {
      await page.fill('#key', 'open sesame')
      await page.press('#key', 'Enter')
      await inSettings(page, async () => {
        await page.fill('#system', 'Be brief.')
        await page.fill('#temperature', '0.5')
      })
      await page.focus('#map [data-expert="mlp 0 1"]')
      await page.keyboard.press('x')
      await ask(page, 'The weather?')
      await page.getByLabel('Result of get_weather').fill('<b>21</b> degrees')
      await page.keyboard.press('Enter')
      await page.waitForSelector('.turn:nth-child(4)')
      await answered(page)
      const all = () => texts(page, '#turns :is(h2, h3, summary, .tokens, pre)')
      const shown = await all()
      await reload(page)
      assert.equal(await all(), shown)
      for (const text of [/^thought 1 token/, /^calls get_weather$/, /^<b>21<\/b> degrees$/, /"city": "Bern"/]) {
        assert.ok(
          shown.some((part) => text.test(part)),
          String(text),
        )
      }
      assert.not(await page.isVisible('.results'))
      await page.waitForSelector('#switched-off-list li')
      assert.equal(await texts(page, '#switched-off-list li'), ['layer 0 mlp expert 1 ×'])
      assert.match(
        (await page.textContent('#caption-words')) ?? '',
        /^Answers of an earlier visit, .* have their texts only/,
      )
      await ask(page, 'And tomorrow?')
      const [, asked, after] = bodies
      assert.equal(after.messages, [
        ...asked.messages.map(({ reasoning_content, ...message }: AskedBody) => message),
        { role: 'assistant', content: 'answer 2' },
        { role: 'user', content: 'And tomorrow?' },
      ])
      assert.is(asked.messages[2].reasoning_content, 'I ask.')
      assert.is(after.messages[0].content, 'Be brief.')
      assert.is(after.temperature, 0.5)
      assert.equal(after.mask, ['0:mlp:1'])
      await page.focus('#map [data-expert="mlp 0 2"]')
      await page.keyboard.press('x')
      const compared = 'without layer 0 mlp expert 2: 1 of 2 words differs'
      await page.waitForSelector(`.without .sentence:text-is("${compared}")`)
      await page.click('#all-on')
      await reload(page)
      assert.not(await page.isVisible('#switched-off'), 'a change without a question stays, too')
      assert.is(await count(page, '#turns > *'), 7)
      assert.equal(await texts(page, '.without .sentence'), [compared])
      assert.not.match(JSON.stringify(await stored(page)), /sesame/)
      assert.equal(
        faults.filter((fault) => !fault.includes('401')),
        [],
      )
    })
  },
)

inBrowser('an answer is regenerated and a question edited, and the earlier ones stay reachable', async () => {
  const { answer, bodies } = numbered()
  let isRefused = false
  const refuse = () => (isRefused ? Response.json({ error: { message: 'full' } }, { status: 429 }) : undefined)
  await open({ answer, refuse }, async (page, { faults }) => {
    await ask(page, 'one')
    await ask(page, 'two')
    await press(page, 'Regenerate')
    await page.waitForSelector('.tokens:has-text("answer 3")')
    await answered(page)
    assert.equal(await texts(page), ['one', 'answer 1', 'two', 'answer 3'])
    assert.equal(bodies[2].messages, bodies[1].messages)
    await press(page, 'Earlier version')
    assert.equal(await texts(page), ['one', 'answer 1', 'two', 'answer 2'])
    assert.is(await page.textContent('.turn.model:last-child .pager'), '‹1 of 2›')
    assert.is(await page.getAttribute(':focus', 'aria-label'), 'Later version')

    // The first question, by the keyboard: Escape leaves it unchanged.
    await page.locator('.turn.user').first().getByRole('button', { name: 'Edit' }).focus()
    await page.keyboard.press('Enter')
    assert.is(await page.inputValue('.edit textarea'), 'one')
    await page.keyboard.press('Escape')
    assert.is(await page.getAttribute(':focus', 'aria-label'), 'Edit the question')
    await page.keyboard.press('Enter')
    await page.keyboard.type(' more')
    isRefused = true
    await page.keyboard.press('Enter')
    await page.waitForSelector('#alert:not(:empty)')
    assert.equal(await texts(page), ['one', 'answer 1', 'two', 'answer 2'], 'a refused question changes nothing')
    isRefused = false
    await page.locator('.turn.user').first().getByRole('button', { name: 'Edit' }).click()
    await page.keyboard.type(' more')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.tokens:has-text("answer 4")')
    await answered(page)
    assert.equal(await texts(page), ['one more', 'answer 4'])
    assert.equal(bodies[3].messages, [{ role: 'user', content: 'one more' }])
    await reload(page)
    assert.equal(await texts(page), ['one more', 'answer 4'])
    await press(page, 'Earlier version')
    assert.equal(await texts(page), ['one', 'answer 1', 'two', 'answer 3'], 'the branch with its latest answer')
    await ask(page, 'three')
    assert.equal(
      bodies[4].messages.map(({ content }: AskedBody) => content),
      ['one', 'answer 1', 'two', 'answer 3', 'three'],
    )
    assert.equal(
      faults.filter((fault) => !fault.includes('429')),
      [],
    )
  })
})

inBrowser('answers are copied as Markdown, also when the clipboard is forbidden', async () => {
  async function* markdown() {
    yield chunk('It is **bold** and `code`.', [])
    yield DONE
  }
  await open({ answer: markdown, goesOn: true, view: { clipboard: true } }, async (page) => {
    await ask(page, 'a *question*')
    await press(page, 'Copy the answer')
    await page.waitForSelector('.copy:has-text("Copied")')
    assert.is(await page.evaluate('navigator.clipboard.readText()'), 'It is **bold** and `code`.')
    assert.is(await page.textContent('#spoken'), 'Copied.')
    // As on a page of http from another computer.
    await page.evaluate(`Object.defineProperty(navigator, 'clipboard', { value: undefined })`)
    await press(page, 'Copy the question')
    await page.waitForSelector('.turn.user .copy:has-text("Copied")')
    await page.focus('#message')
    await page.keyboard.press('Control+V')
    assert.is(await page.inputValue('#message'), 'a *question*')
    await page.evaluate(`document.execCommand = () => false`)
    await press(page, 'Copy the answer')
    await until(async () => /does not allow copying/.test((await page.textContent('#spoken')) ?? ''), 'the refusal')
  })
})

inBrowser('conversations are listed, opened, named, deleted, and not kept if keeping is off', async () => {
  const { answer } = numbered()
  await open({ answer }, async (page, { faults }) => {
    const act = async (title: string, name: string) => {
      await page.getByRole('button', { name: `Actions for ${title}` }).click()
      await page.locator('.menu').getByRole('button', { name, exact: true }).last().click()
    }
    await ask(page, 'What is a lantern?')
    await page.click('#fresh')
    await ask(page, 'What is a drum?')
    await page.click('#open-list')
    await untilListed(page, ['What is a drum?', 'What is a lantern?'])
    await page.locator('#kept .title').nth(1).click()
    await page.waitForSelector('.tokens:has-text("answer 1")')
    await page.click('#open-list')
    await act('What is a lantern?', 'Rename')
    await page.keyboard.type('Light')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.name:text-is("Light")')
    await act('Light', 'Delete')
    await page.waitForSelector('.said')
    assert.equal(await texts(page), [], 'the open one is gone')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.turn')
    await untilListed(page, ['What is a drum?', 'Light'])
    await act('Light', 'Delete')
    await page.waitForSelector('.said')
    await page.keyboard.press('Escape')
    await until(async () => (await stored(page)).heads.length === 1, 'the end of the deleted one')
    await page.click('#open-list')
    await page.waitForSelector('#kept .row')
    await page.uncheck('#keep')
    await page.click('#list-fresh')
    await ask(page, 'not kept')
    assert.not.match(JSON.stringify(await stored(page)), /not kept/)
    assert.equal(faults, [])
  })
})

inBrowser('two tabs show the same conversation, and neither overwrites the other', async () => {
  const { answer } = numbered()
  await open({ answer }, async (page, { faults }) => {
    await ask(page, 'one')
    const other = await page.context().newPage()
    await other.goto(page.url())
    await other.waitForSelector('#send:enabled')
    await other.click('#open-list')
    await other.click('#kept .title')
    await other.waitForSelector('.tokens:has-text("answer 1")')
    await ask(other, 'two')
    await page.waitForSelector('.tokens:has-text("answer 2")')
    assert.equal(await texts(page), ['one', 'answer 1', 'two', 'answer 2'])
    // A tab that has missed a change.
    await page.evaluate('BroadcastChannel.prototype.postMessage = () => {}')
    await ask(page, 'three here')
    await ask(other, 'three there')
    await other.waitForSelector('#kept-note:has-text("copy")')
    assert.equal((await texts(other)).slice(-2), ['three there', 'answer 4'])
    // A tab behind another draws nothing, and clicks wait for a drawing.
    await page.bringToFront()
    await untilTitles(page, ['one (copy)', 'one'])
    const { bodies } = await stored(page)
    const last = bodies
      .map(({ exchanges }) => exchanges.at(-1))
      .map(({ said, answer }) => [said[0].content, answer.content])
    assert.equal(last.sort(), [
      ['three here', 'answer 3'],
      ['three there', 'answer 4'],
    ])
    assert.equal(faults, [])
    await other.close()
  })
})

end()
