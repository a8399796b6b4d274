import * as assert from 'uvu/assert'
import type { Listening } from '#molm/server/listen.js'
import { get, post, until } from './served.js'
import { closeAll, complete, ONE, PROMPT, serve, severalNanosSuite, states } from './several-nanos.js'

const test = severalNanosSuite('a server of several models')

/** A server of three, for the tests that need no options. */
let url: string
const lasting: Listening[] = []

test.before(async ({ dir }) => {
  url = await serve({ dir, open: lasting }, ['a', 'b', 'c'])
})
test.after(() => closeAll(lasting))

test('loads a model when a request names it, and lists all of them', async () => {
  const { data } = (await get(url, '/v1/models')).body
  const listed = data.map(({ id, status, meta }: { id: string; status: object; meta: { experts: object } }) => {
    return [id, status, meta.experts]
  })
  const experts = { attention: Array(6).fill(8), mlp: Array(6).fill(24) }
  const unloaded = { value: 'unloaded' }
  assert.equal(listed, [
    ['a', { value: 'loaded' }, experts],
    ['b', unloaded, experts],
    ['c', unloaded, experts],
  ])
  const [first, named] = [await complete(url), await complete(url, { model: 'c' })]
  assert.equal([first.body.model, named.body.model], ['a', 'c'])
  assert.is(named.body.choices[0].text, first.body.choices[0].text)
  assert.equal(await states(url), { a: 'loaded', b: 'unloaded', c: 'loaded' })
  assert.is((await get(url, '/v1/models/c')).body.status.value, 'loaded')
  assert.is((await get(url, '/tokenizer_info?model=c')).status, 200)
})

test('is known to clients of ollama, too, which load no model by looking', async () => {
  const names = async (path: string) => (await get(url, path)).body.models.map(({ name }: { name: string }) => name)
  assert.equal(await names('/api/tags'), ['a:latest', 'b:latest', 'c:latest'])
  assert.equal((await post(url, '/api/show', { model: 'b:latest' })).body.modelfile, 'FROM b\n')
  assert.is((await post(url, '/api/show', { model: 'd' })).status, 404)
  assert.equal(await names('/api/ps'), ['a:latest', 'c:latest'])
  const { body } = await post(url, '/api/generate', { model: 'b:latest', prompt: 'The lantern', stream: false })
  assert.is(body.model, 'b:latest')
  assert.equal(await names('/api/ps'), ['a:latest', 'b:latest', 'c:latest'])
})

test('answers a response by the model that it names', async () => {
  const { body } = await post(url, '/v1/responses', { model: 'b', input: 'What is a lantern?', max_output_tokens: 4 })
  assert.is(body.model, 'b')
  assert.is((await post(url, '/v1/responses', { model: 'd', input: 'a' })).body.error.code, 'model_not_found')
})

test('refuses names and bodies as a server of one model does', async () => {
  const { status, body } = await complete(url, { model: 'd' })
  assert.is(status, 404)
  assert.equal(body.error, {
    message: 'the model "d" is not here; this server has a, b, c',
    type: 'not_found_error',
    param: 'model',
    code: 'model_not_found',
  })
  assert.is((await get(url, '/v1/models/d')).status, 404)
  assert.is((await get(url, '/experts?model=d')).status, 404)
  assert.is((await complete(url, { model: 7 })).body.error.message, '"model" must be a text')
  assert.is((await complete(url, { model: null })).status, 200)
  assert.is((await post(url, '/v1/completions', '{"mod')).status, 400)
  assert.is((await post(url, '/v1/completions', 'x'.repeat(5 * 2 ** 20))).status, 413)
  assert.is((await post(url, '/v1/completions', '{}', { 'Content-Type': 'text/plain' })).status, 415)
  assert.is((await complete(url, { model: 'b', temprature: 1 })).status, 400)
})

test('labels metrics by model, and counts the experts of each', async () => {
  const read = async () => {
    const { body } = await get(url, '/metrics')
    assert.match(body, /^molm_model_loaded\{model="b"\} 1$/m)
    assert.match(body, /^molm_process_resident_bytes \d+$/m)
    return ['a', 'b'].map((name) =>
      Number(new RegExp(`^molm_prompt_tokens_total\\{model="${name}"\\} (\\d+)$`, 'm').exec(body)?.[1]),
    )
  }
  const tokens = async (query: string): Promise<number> => (await get(url, `/experts${query}`)).body.tokens
  const [before, ofA, ofB] = [await read(), await tokens(''), await tokens('?model=b')]
  await complete(url, { model: 'b', prompt: 'A new harbour' })
  const [a, b] = await read()
  const added = b - before[1]
  assert.is(a, before[0])
  assert.ok(added >= 3 && added < 9, `${added} tokens`)
  assert.equal([await tokens(''), await tokens('?model=b')], [ofA, ofB + added + PROMPT.max_tokens - 1])
  await post(url, '/experts/mark', { model: 'b', name: 'now' })
  assert.equal([await tokens('?model=b&since=now'), (await get(url, '/experts?since=now')).status], [0, 404])
})

test('frees an idle model in two steps; answers stay the same, and kept prompts outlast the first', async (context) => {
  // The first step must still be there when a busy machine looks at it.
  const url = await serve(context, ['a'], { idleMs: 800 })
  const long = { prompt: 'The lantern was lit, and the sea was as still as the stars above it' }
  const { body: fresh } = await complete(url, long)
  const becomes = (state: string) => until(async () => (await states(url)).a === state, state, 50)
  await becomes('sleeping')
  const asleep = (await get(url, '/metrics')).body
  assert.match(asleep, /^molm_model_loaded 1$/m)
  const { body: second } = await complete(url, long)
  await becomes('unloaded')
  const { body } = await get(url, '/metrics')
  assert.match(body, /^molm_weights_bytes 0$/m)
  assert.match(body, /^molm_model_loaded 0$/m)
  assert.is((await get(url, '/health')).status, 200)
  const streamed = await complete(url, { ...long, stream: true, stream_options: { include_usage: true } })
  assert.equal(second.choices, fresh.choices)
  const { prompt_tokens, prompt_tokens_details } = second.usage
  assert.is(prompt_tokens_details.cached_tokens, prompt_tokens - 1)
  const text = [...streamed.body.matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(([, part]) => JSON.parse(part)).join('')
  assert.is(text, fresh.choices[0].text)
  assert.match(streamed.body, /"cached_tokens":0[^\n]*\n\ndata: \[DONE\]/)
})

test('makes room for another model, whose answer is the same, and the counts of the first stay', async (context) => {
  const url = await serve(context, ['a', 'b'], ONE)
  const tokens = async () => (await get(url, '/experts')).body.tokens
  const first = await complete(url)
  assert.equal((await complete(url, { model: 'b' })).body.choices, first.body.choices)
  assert.equal(await states(url), { a: 'unloaded', b: 'loaded' })
  const before = await tokens()
  assert.ok(before > 0)
  await complete(url)
  assert.is(await tokens(), 2 * before)
  assert.match(
    (await get(url, '/metrics')).body,
    new RegExp(`^molm_processed_tokens_total\\{model="a"\\} ${2 * before}$`, 'm'),
  )
})

test.run()
