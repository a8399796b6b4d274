import { setTimeout as wait } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import type { RoutedToken } from '#molm/api/wire.js'
import { inSettings } from './nano-page.js'
import {
  type AskedBody,
  alert,
  answered,
  event,
  open,
  pageSuite,
  SMALL,
  send,
  texts,
  token,
} from './simulated-server.js'

const { inBrowser, end } = pageSuite('answers on the page')

type Kind = NonNullable<RoutedToken['kind']>

let next = 0
/** A token of a part of the answer. */
const tokenOf = (kind: Kind, text: string): RoutedToken => ({ ...token(text, SMALL, next++), kind })
const thought = (text: string) => {
  return event({ delta: { reasoning_content: text }, routed_experts: [tokenOf('thinking', text)] })
}
const said = (text: string) => event({ delta: { content: text }, routed_experts: [tokenOf('content', text)] })
/** A token without text in the message. */
const mute = (kind: Kind, text: string) => event({ delta: {}, routed_experts: [tokenOf(kind, text)] })
const called = (index: number, name: string, args: string) => {
  const call = { index, id: `call_${index}`, type: 'function', function: { name, arguments: args } }
  return event({ delta: { tool_calls: [call] }, routed_experts: [tokenOf('call', `<call ${index}>`)] })
}
const ended = (reason = 'stop') => `${event({ delta: {}, finish_reason: reason })}data: [DONE]\n\n`

async function* thinking() {
  yield mute('thinking', '<think>')
  yield thought('The user')
  yield thought(' greets me.')
  yield mute('content', '</think>')
  yield mute('content', '\n\n')
  yield said('Hello')
  yield said(' there')
  yield ended()
}

/** Answers by the number of the request, and keeps the requests' bodies. */
function answering(...answers: (() => AsyncGenerator<string>)[]) {
  const bodies: AskedBody[] = []
  const answer = (body: AskedBody) => {
    bodies.push(body)
    return answers[Math.min(bodies.length, answers.length) - 1]()
  }
  return { bodies, answer }
}

inBrowser('thoughts are one line that a click opens, and their tokens count', async () => {
  const { answer } = answering(thinking)
  await open({ answer, goesOn: true }, async (page, { faults }) => {
    await send(page)
    await answered(page)
    assert.match((await page.textContent('.thoughts summary')) ?? '', /^thought 3 tokens, [\d.]+ s$/)
    assert.not(await page.isVisible('.thoughts .tokens'))
    assert.is(await page.textContent('.turn.model > .mounted > .tokens'), 'Hello there')
    assert.match((await page.textContent('.turn.model > .note')) ?? '', /^7 tokens/)
    await page.click('.thoughts summary')
    assert.equal(await texts(page, '.thoughts .tokens span'), ['The user', ' greets me.'])
    await page.hover('.thoughts .tokens span:nth-child(2)')
    assert.is(await page.textContent('#experts .detail div'), 'experts of " greets me."')
    await inSettings(page, () => page.selectOption('#colour-by', 'mlp 0'))
    assert.is(await page.$$eval('.coloured', (all) => all.length), 2 + 2)
    await inSettings(page, () => page.selectOption('#colour-by', 'off'))
    assert.equal(faults, [])
  })
})

inBrowser('each token has its own experts, even if special tokens have no text', async () => {
  next = 0
  const { answer } = answering(thinking)
  await open({ answer, goesOn: true }, async (page) => {
    await send(page)
    await answered(page)
    const routes = (selector: string) =>
      page.$$eval(selector, (spans) =>
        spans.map((span) => {
          const { routes } = (globalThis as unknown as { talk: { routes: number[][][][] } }).talk
          return routes[Number(span.getAttribute('data-i'))][1][2]
        }),
      )
    const choices = (i: number) => [(i + 1) % 4, (i + 2) % 4]
    assert.equal(await routes('.thoughts .tokens span'), [1, 2].map(choices))
    assert.equal(await routes('.turn.model > .mounted > .tokens span'), [5, 6].map(choices))
  })
})

inBrowser('while the model thinks, the line counts, and the keyboard opens it', async () => {
  let isOver = false
  async function* slow() {
    for (let i = 0; i < 5; i++) yield thought(`thought ${i} `)
    while (!isOver) await wait(10)
    yield said('Yes.')
    yield ended()
  }
  await open({ answer: slow, goesOn: true }, async (page) => {
    await send(page)
    await page.waitForSelector('.thoughts summary:has-text("thinking · 5 tokens")')
    assert.is(await page.textContent('#spoken'), 'The model is thinking.')
    assert.is(await page.getAttribute('.thoughts', 'aria-live'), 'off')
    assert.not(await page.isVisible('.thoughts .tokens'))
    await page.keyboard.press('Shift+Tab')
    assert.is(await page.$eval(':focus', ({ tagName }) => tagName), 'SUMMARY')
    await page.keyboard.press('Enter')
    assert.ok(await page.isVisible('.thoughts .tokens'))
    isOver = true
    await answered(page)
    assert.match((await page.textContent('#spoken')) ?? '', /^The model thought 5 tokens, [\d.]+ s\.$/)
    assert.ok(await page.isVisible('.thoughts .tokens'), 'they stay open')
  })
})

inBrowser('a long conversation, without reports of experts, has thoughts too', async () => {
  async function* unreported() {
    const logprobs = { content: [{ logprob: -1 }] }
    yield event({ delta: { reasoning_content: 'Hm' }, logprobs })
    yield event({ delta: { reasoning_content: '.' }, logprobs })
    yield event({ delta: { content: 'Yes' }, logprobs })
    yield ended()
  }
  await open({ answer: unreported, goesOn: true }, async (page) => {
    await send(page)
    await answered(page)
    assert.match((await page.textContent('.thoughts summary')) ?? '', /^thought 2 tokens/)
    assert.is(await page.textContent('.thoughts .tokens'), 'Hm.')
    assert.is(await page.textContent('.turn.model > .mounted > .tokens'), 'Yes')
  })
})

inBrowser('earlier thoughts are not sent back', async () => {
  const { answer, bodies } = answering(thinking)
  await open({ answer, goesOn: true }, async (page) => {
    await send(page, 'Hello')
    await answered(page)
    await send(page, 'Again')
    await page.waitForSelector('.turn:nth-child(4)')
    await answered(page)
    assert.equal(bodies[1].messages, [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hello there' },
      { role: 'user', content: 'Again' },
    ])
  })
})

inBrowser('hostile thoughts and calls are shown as text and harm nothing', async () => {
  const evil = '<img src=x onerror="document.title=\'evil\'"><script>document.title="evil"</script>'
  const odd = '\u0000\u001b[2J\u202e\u2066</details></article>\ud800'
  async function* hostile() {
    yield thought(evil)
    yield thought(odd)
    yield thought('x'.repeat(2 ** 18))
    yield thought('['.repeat(10_000))
    yield called(0, evil, JSON.stringify({ [evil]: odd }))
    yield called(1, odd, '['.repeat(100_000))
    yield called(1, '', evil)
    yield said(evil)
    yield ended('tool_calls')
  }
  await open({ answer: hostile, goesOn: true }, async (page, { faults }) => {
    await send(page)
    await answered(page)
    await page.click('.thoughts summary')
    await page.click('.notation summary')
    const shown = (await page.textContent('.thoughts .tokens')) ?? ''
    assert.ok(shown.startsWith(evil))
    assert.is(shown.length, evil.length + odd.length + 2 ** 18 + 10_000)
    assert.is(await page.textContent('.turn.model > .mounted > .tokens'), evil)
    assert.equal(await texts(page, '.call code'), [evil, odd])
    assert.is((await texts(page, '.call pre'))[0], `{\n  ${JSON.stringify(evil)}: ${JSON.stringify(odd)}\n}`)
    assert.is(await page.$$eval('main img, main script, .turn article', (found) => found.length), 0)
    assert.is(await page.title(), 'made-up · molm')
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 })
      assert.is(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
    }
    assert.equal(faults, [])
    await page.setViewportSize({ width: 1280, height: 800 })
  })
})

const TOOLS = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }]

inBrowser('a call is shown, the user gives its result, and the conversation keeps both', async () => {
  async function* calling() {
    yield thought('I need the weather.')
    yield called(0, 'get_weather', '{"city":"Paris"')
    yield event({ delta: { tool_calls: [{ index: 0, function: { arguments: ',"days":[1,2]}' } }] } })
    yield ended('tool_calls')
  }
  async function* final() {
    yield said('It is sunny.')
    yield ended()
  }
  const { answer, bodies } = answering(calling, final)
  await open({ answer, goesOn: true }, async (page, { faults }) => {
    await inSettings(page, () => page.fill('#tools', JSON.stringify(TOOLS[0])))
    await send(page, 'The weather?')
    await answered(page)
    assert.equal(bodies[0].tools, TOOLS)
    assert.is(await page.textContent('.call h3'), 'calls get_weather')
    assert.is(await page.textContent('.call pre'), '{\n  "city": "Paris",\n  "days": [\n    1,\n    2\n  ]\n}')
    assert.is(await page.textContent('.notation summary'), 'as the model wrote it, 1 token')
    await page.getByLabel('Result of get_weather').fill('sunny, 20 °C')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.turn:nth-child(4)')
    await answered(page)
    assert.not(await page.isVisible('.results'))
    assert.is(await page.textContent('.turn.tool h2'), 'Result of get_weather')
    assert.is(await page.textContent('.turn.tool .tokens'), 'sunny, 20 °C')
    assert.is(await page.textContent('.turn.model:last-child > .mounted > .tokens'), 'It is sunny.')
    const call = { name: 'get_weather', arguments: '{"city":"Paris","days":[1,2]}' }
    const tool_calls = [{ id: 'call_0', type: 'function', function: call }]
    const exchange = [
      { role: 'user', content: 'The weather?' },
      { role: 'assistant', content: '', reasoning_content: 'I need the weather.', tool_calls },
      { role: 'tool', tool_call_id: 'call_0', content: 'sunny, 20 °C' },
    ]
    assert.equal(bodies[1].messages, exchange)
    // After the next question the thoughts before the calls are no longer wanted.
    await send(page, 'And tomorrow?')
    await page.waitForSelector('.turn:nth-child(6)')
    await answered(page)
    assert.equal(bodies[2].messages, [
      exchange[0],
      { role: 'assistant', content: '', tool_calls },
      exchange[2],
      { role: 'assistant', content: 'It is sunny.' },
      { role: 'user', content: 'And tomorrow?' },
    ])
    assert.equal(faults, [])
  })
})

inBrowser('if the server refuses results, their field returns', async () => {
  async function* calling() {
    yield called(0, 'a', '{}')
    yield called(1, 'b', '{}')
    yield ended('tool_calls')
  }
  const refuse = ({ messages }: AskedBody) =>
    messages.length > 1 ? Response.json({ error: { message: 'too much' } }, { status: 400 }) : undefined
  await open({ answer: calling, refuse, goesOn: true }, async (page) => {
    await send(page)
    await answered(page)
    await page.getByLabel('Result of a (call 1)').fill('one')
    await page.getByLabel('Result of b (call 2)').fill('two')
    await page.click('.results button')
    assert.is(await alert(page), 'too much')
    assert.is(await page.getByLabel('Result of b (call 2)').inputValue(), 'two')
    assert.is(await page.$$eval('.turn', (turns) => turns.length), 2)
  })
})

inBrowser('Stop while the model thinks keeps the thoughts', async () => {
  async function* endless() {
    yield thought('On and on')
    await wait(60_000, undefined, { ref: false })
  }
  const { answer, bodies } = answering(endless, thinking)
  await open({ answer, goesOn: true }, async (page) => {
    await send(page, 'Hello')
    await page.waitForSelector('.thoughts summary:has-text("thinking · 1 token")')
    await page.click('#stop')
    await answered(page)
    assert.match((await page.textContent('.thoughts summary')) ?? '', /^thought 1 token, [\d.]+ s$/)
    assert.match((await page.textContent('.turn.model > .note')) ?? '', /^1 token; stopped$/)
    await send(page, 'Again')
    await page.waitForSelector('.turn:nth-child(4)')
    await answered(page)
    assert.equal(bodies[1].messages[1], { role: 'assistant', content: '' })
  })
})

inBrowser('without an expert, contents and calls are compared, and thoughts are not', async () => {
  const calling = (city: string) =>
    async function* () {
      yield thought(`I ask for ${city}.`)
      yield said('I look it up.')
      yield called(0, 'get_weather', JSON.stringify({ city }))
      yield ended('tool_calls')
    }
  const [before, after] = [calling('Paris'), calling('Rome')]
  const answer = ({ mask = [] }: AskedBody) => (mask.length > 0 ? after() : before())
  await open({ answer, goesOn: true }, async (page) => {
    await send(page)
    await answered(page)
    await page.focus('#map [data-expert="mlp 0 1"]')
    await page.keyboard.press('x')
    await page.waitForSelector('.without mark')
    assert.equal(await texts(page, '.without .answer'), [
      'I look it up.\ncalls get_weather {"city":"Paris"}',
      'I look it up.\ncalls get_weather {"city":"Rome"}',
    ])
    assert.equal(await texts(page, '.without mark'), ['{"city":"Paris"}', '{"city":"Rome"}'])
  })
})

inBrowser('answers follow a schema, set out in lines, with a clear error for a wrong one', async () => {
  async function* json() {
    for (const text of ['{"', 'city', '":"', 'Pa, {ris', '","', 'n', '":[', '],', '"o":{"', 'a":1.50', '}}']) {
      yield said(text)
    }
    yield ended()
  }
  async function* late() {
    yield `data: ${JSON.stringify({ error: { message: 'too deep', param: 'response_format' } })}\n\n`
  }
  const { answer, bodies } = answering(json, late)
  const refuse = ({ response_format }: AskedBody) => {
    const schema = response_format?.json_schema.schema ?? {}
    const error = { message: 'the keyword "not" is not supported', param: 'response_format.json_schema.schema.not' }
    return 'not' in schema ? Response.json({ error }, { status: 400 }) : undefined
  }
  await open({ answer, refuse, goesOn: true }, async (page) => {
    await page.waitForSelector('#send:enabled')
    await page.click('#open-settings')
    assert.not(await page.isVisible('#think'), 'a model that does not think')
    assert.ok(await page.isVisible('#tools'))
    await page.fill('#schema', '{"type": "object"')
    await page.click('#close-settings')
    await send(page, 'a question')
    await page.waitForSelector('#schema-alert:not(:empty)')
    assert.match((await page.textContent('#schema-alert')) ?? '', /^not JSON: /)
    assert.is(await page.getAttribute(':focus', 'id'), 'schema')
    assert.is(await page.inputValue('#message'), 'a question')
    await page.fill('#schema', '{"not": {}}')
    assert.is(await page.textContent('#schema-alert'), '')
    await page.click('#close-settings')
    await page.press('#message', 'Enter')
    await page.waitForSelector('#schema-alert:not(:empty)')
    assert.is(await page.textContent('#schema-alert'), 'the keyword "not" is not supported')
    assert.is(await page.getAttribute('#schema', 'aria-invalid'), 'true')
    assert.is(bodies.length, 0)
    await page.fill('#schema', '{"type": "object"}')
    await page.click('#close-settings')
    await page.press('#message', 'Enter')
    await page.waitForSelector('.turn.model')
    await answered(page)
    const lines = ['{', '  "city": "Pa, {ris",', '  "n": [],', '  "o": {', '    "a": 1.50', '  }', '}']
    assert.is(await page.textContent('.turn.model > .mounted > .tokens'), lines.join('\n'))
    await inSettings(page, () => page.fill('#schema', ''))
    await send(page, 'plain')
    await page.waitForSelector('#schema-alert:not(:empty)')
    assert.is(await page.textContent('#schema-alert'), 'too deep')
    assert.equal(bodies[1].messages[1].content, '{"city":"Pa, {ris","n":[],"o":{"a":1.50}}')
    assert.not('response_format' in bodies[1])
  })
})

inBrowser('thinking can be set if the model thinks, and notes of the server are shown', async () => {
  async function* noted() {
    yield `data: ${JSON.stringify({ choices: [{ delta: {} }], notes: ['the model cannot stop thinking'] })}\n\n`
    yield* thinking()
  }
  const { answer, bodies } = answering(noted)
  const shape = { ...SMALL, thinking: ['off' as const, 'on' as const, 'low' as const] }
  await open({ answer, shape }, async (page) => {
    await page.waitForSelector('#send:enabled')
    for (const [i, think] of ['', 'off', 'on', 'low'].entries()) {
      await inSettings(page, async () => {
        await page.locator('#think').selectOption(think)
        await page.getByLabel('Max thinking').fill(String(100 * i))
      })
      await send(page)
      await page.waitForSelector(`.turn:nth-child(${2 * i + 2})`)
      await answered(page)
    }
    assert.equal(
      bodies.map(({ reasoning_effort, chat_template_kwargs }) => reasoning_effort ?? chat_template_kwargs),
      [undefined, 'none', { enable_thinking: true }, 'low'],
    )
    assert.equal(
      bodies.map(({ thinking_budget }) => thinking_budget),
      [0, 100, 200, 300],
    )
    assert.equal(await texts(page, '.turn.model .warning'), ['the model cannot stop thinking'], 'not with each answer')
  })
})

end()
