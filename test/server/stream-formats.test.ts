import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { get, post, serveNano, sharedNano, until, withNano } from './served.js'

/* Streams of the APIs while there is nothing to send, and when the server ends them. */
const test = suite('notations of streams')

test.after(() => sharedNano.release())

const PROMPT = 'The sea. '.repeat(80)
const ENDLESS = { type: 'string', minLength: 20_000 }
const FORMAT = { type: 'json_schema', schema: ENDLESS }

/** Requests whose answers do not end soon, in each notation. */
const STREAMS: [path: string, body: object][] = [
  ['/v1/completions', { prompt: 'Once', ignore_eos: true, max_tokens: 30_000, stream: true }],
  ['/v1/responses', { input: 'Once', max_output_tokens: 30_000, stream: true, text: { format: FORMAT } }],
  ['/api/generate', { prompt: 'Once', raw: true, format: ENDLESS }],
]

test('a server that closes ends each stream with an error in its notation', async () => {
  const { model } = await sharedNano.get()
  const served = await serveNano({ limits: { drainMs: 1_000 } }, model)
  const answers = STREAMS.map(([path, body]) => post(served.url, path, body))
  await until(async () => (await get(served.url, '/health')).body.running === STREAMS.length)
  const closed = served.close()
  assert.is((await get(served.url, '/health')).status, 503)
  await closed
  assert.is((await model.stats()).sequencesRunning, 0)
  const [completion, response, line] = await Promise.all(answers)
  assert.match(completion.body, /\n\ndata: \{"error":\{"message":"[^"]*clos[^\n]*\}\n\n$/)
  const [type, json] = response.body.trimEnd().split('\n').slice(-2)
  assert.is(type, 'event: error')
  const event = JSON.parse(json.slice('data: '.length))
  assert.is(event.type, 'error')
  assert.match(event.message, /clos/)
  assert.is(event.error.message, event.message)
  assert.ok(event.sequence_number >= 2)
  const { error } = JSON.parse(line.body.trimEnd().split('\n').at(-1))
  assert.match(error, /clos/)
})

test('while a prompt is read, lines of JSON have empty parts, and events have comments', async () => {
  const { model } = await sharedNano.get()
  await withNano({ limits: { commentMs: 1 } }, model, async (served) => {
    const options = { num_predict: 2, temperature: 0 }
    const chat = await post(served.url, '/api/chat', { messages: [{ role: 'user', content: PROMPT }], options })
    const lines = (chat.body as string).trimEnd().split('\n')
    const empty = lines.map((line) => JSON.parse(line)).filter(({ message, done }) => message.content === '' && !done)
    assert.ok(empty.length > 0)
    assert.ok(empty.every(({ message }) => message.role === 'assistant'))
    const generated = await post(served.url, '/api/generate', { prompt: `Why? ${PROMPT}`, raw: true, options })
    assert.ok((generated.body as string).includes('"response":"","done":false'))
    const question = { input: `How? ${PROMPT}`, max_output_tokens: 2, stream: true }
    const response = await post(served.url, '/v1/responses', question)
    assert.match(response.body, /\n: still working\n\n/)
    const completion = { prompt: `When? ${PROMPT}`, max_tokens: 1, stream: true }
    const { body } = await post(served.url, '/v1/completions', completion)
    assert.match(body, /^(: still working\n\n)+data: \{/)
    assert.match(body, /\n\ndata: \[DONE\]\n\n$/)
  })
})

test.run()
