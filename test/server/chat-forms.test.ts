import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventsIn, post, serverFor, sharedNano, until } from './served.js'

/* Forms of answers in both endpoints, on nano. */
const test = suite('forms of answers')

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'
const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 8 }, size: { enum: ['small', 'large', null] } },
  required: ['name', 'size'],
  additionalProperties: false,
}
const ASK = { temperature: 1, max_tokens: 100, seed: 1 }
const served = serverFor(test, sharedNano)

/** Texts and the reason of the end of an answer, of both endpoints and streamed, which must be the same. */
async function said(fields: object): Promise<{ chat: string; text: string; reasons: string[] }> {
  const body = { ...ASK, ...fields }
  const messages = [{ role: 'user', content: 'What is a lantern?' }]
  const chat = await post(served.url, CHAT, { ...body, messages })
  assert.is(chat.status, 200, JSON.stringify(chat.body))
  const text = await post(served.url, COMPLETIONS, { ...body, prompt: 'A lantern is' })
  assert.is(text.status, 200, JSON.stringify(text.body))
  const streamed = await post(served.url, CHAT, { ...body, messages, stream: true })
  const deltas = eventsIn(streamed.body).map(({ choices }) => choices[0].delta)
  const [{ message, finish_reason }] = chat.body.choices
  assert.is(deltas.map(({ content }) => content ?? '').join(''), message.content)
  const [completed] = text.body.choices
  return { chat: message.content, text: completed.text, reasons: [finish_reason, completed.finish_reason] }
}

test('an answer follows a schema, as JSON', async () => {
  for (const fields of [
    { response_format: { type: 'json_schema', json_schema: { name: 'thing', strict: true, schema: SCHEMA } } },
    { structured_outputs: { json: SCHEMA } },
    { guided_json: JSON.stringify(SCHEMA) },
    { json_schema: SCHEMA },
  ]) {
    const { chat, text, reasons } = await said(fields)
    for (const answer of [chat, text]) {
      const { name, size, ...others } = JSON.parse(answer)
      assert.equal(others, {})
      assert.type(name, 'string')
      assert.ok(['small', 'large', null].includes(size))
    }
    assert.equal(reasons, ['stop', 'stop'])
  }
})

test('an answer is any JSON object', async () => {
  const { chat } = await said({ response_format: { type: 'json_object' }, temperature: 0, max_tokens: 200 })
  assert.match(chat, /^\{/)
})

test('an answer is one of several texts, or follows a regular expression or a grammar', async () => {
  const choice = await said({ guided_choice: ['yes', 'no', 'a "quote"\n'] })
  const grammar = await said({ grammar: 'root ::= "A" [0-9]{3} "b"' })
  const regex = await said({ structured_outputs: { regex: '[a-c]{2,4}!' } })
  for (const key of ['chat', 'text'] as const) {
    assert.ok(['yes', 'no', 'a "quote"\n', 'a "quote"'].includes(choice[key]), choice[key])
    assert.match(grammar[key], /^A\d{3}b$/)
    assert.match(regex[key], /^[a-c]{2,4}!$/)
  }
})

test('an answer that is cut within its form says so', async () => {
  const { chat, reasons } = await said({ json_schema: SCHEMA, max_tokens: 3 })
  assert.throws(() => JSON.parse(chat))
  assert.equal(reasons, ['length', 'length'])
})

test('choices have guides of their own, and the same texts as alone', async () => {
  const ask = { ...ASK, prompt: ['A', 'The'], n: 2, json_schema: SCHEMA }
  const { body } = await post(served.url, COMPLETIONS, ask)
  const texts = body.choices.map(({ text }: { text: string }) => text)
  for (const text of texts) JSON.parse(text)
  const alone = await post(served.url, COMPLETIONS, { ...ask, prompt: 'The', n: 1, seed: 2 })
  assert.is(alone.body.choices[0].text, texts[3])
})

test('a client that leaves a stream with a form leaves nothing behind', async () => {
  const controller = new AbortController()
  const body = { ...ASK, model: 'nano', prompt: 'A', max_tokens: 10_000, stream: true, regex: '[a-z ]*' } as const
  const stream = await served.client.completions.create(body, { signal: controller.signal })
  for await (const _ of stream) controller.abort()
  await until(async () => (await served.model.stats()).sequencesRunning === 0)
  const { chat } = await said({ regex: '[a-z]{3}' })
  assert.match(chat, /^[a-z]{3}$/)
})

test('a form that cannot be followed is refused before anything is generated', async () => {
  const wrong: [object, string, RegExp][] = [
    [{ json_schema: { type: 'array', items: {}, uniqueItems: true } }, 'json_schema', /"uniqueItems" is not supported/],
    [{ json_schema: { not: {} } }, 'json_schema', /no text satisfies it/],
    [{ regex: '(a' }, 'regex', /without a/],
    [{ regex: '(?=a)b' }, 'regex', /lookaheads .* are not supported/],
    [{ grammar: 'root ::= other' }, 'grammar', /other/],
    [{ structured_outputs: { grammar: 'start ::= "a"' } }, 'structured_outputs.grammar', /root/],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'wrong' } } } },
      'response_format.json_schema.schema',
      /"wrong" is not a type/,
    ],
  ]
  for (const [fields, param, message] of wrong) {
    for (const stream of [false, true]) {
      const completion = { ...ASK, ...fields, stream, prompt: 'a' }
      const chat = { ...ASK, ...fields, stream, messages: [{ role: 'user', content: 'a' }] }
      for (const [path, body] of [
        [COMPLETIONS, completion],
        [CHAT, chat],
      ] as const) {
        const answer = await post(served.url, path, body)
        assert.is(answer.status, 400, `${JSON.stringify(fields)}: ${JSON.stringify(answer.body)}`)
        assert.is(answer.body.error.param, param)
        assert.match(answer.body.error.message, message)
      }
    }
  }
})

test.run()
