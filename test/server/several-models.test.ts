import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, loadModel } from '#molm/index.js'
import { outlineModel } from '#molm/library/outline-model.js'
import { type Listening, type ListenOptions, listen } from '#molm/server/listen.js'
import type { ModelSource } from '#molm/server/models/source.js'
import { repositoryPath } from '../support/fixtures.js'
import { get, post, until } from './served.js'

/** `url`: a server of three, for the tests that need no options. */
const test = suite<{ dir: string; open: Listening[]; url: string }>('a server of several models', {
  dir: '',
  open: [],
  url: '',
})

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'molm-test-'))
  await convertModel(repositoryPath('models/nano'), join(context.dir, 'a'), { threads: 1 })
  for (const name of ['b', 'c']) await cp(join(context.dir, 'a'), join(context.dir, name), { recursive: true })
  const all = { dir: context.dir, open: [] }
  context.url = await serve(all, ['a', 'b', 'c'])
  close = () => closeAll(all.open)
})

let close: () => Promise<void>

test.after.each(({ open }) => closeAll(open))

test.after(async ({ dir }) => {
  await close()
  await rm(dir, { recursive: true })
})

async function closeAll(open: Listening[]): Promise<void> {
  for (const server of open.splice(0)) await server.close()
}

async function source(path: string, alias?: string): Promise<ModelSource> {
  const load: ModelSource['load'] = async ({ memory, signal }) => {
    return { model: await loadModel(path, { threads: 1, memory, signal }) }
  }
  return { alias, outline: await outlineModel(path), load }
}

/** Starts a server of the packed models in a folder; returns its address. */
async function serve(
  { dir, open }: { dir: string; open: Listening[] },
  names: string[],
  options: Partial<ListenOptions> = {},
): Promise<string> {
  const server = await listen({ port: 0, ...options })
  open.push(server)
  await server.load(await Promise.all(names.map((name) => source(join(dir, name)))))
  return server.url
}

const PROMPT = { prompt: 'The lantern', max_tokens: 6, temperature: 0 }

/** Memory for one nano. */
const ONE = { weightsBytes: 10e6 }

const complete = (url: string, fields: object = {}) => post(url, '/v1/completions', { ...PROMPT, ...fields })
const states = async (url: string) => (await get(url, '/health')).body.models

test('loads a model when a request names it, and lists all of them', async ({ url }) => {
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

test('is known to clients of ollama, too, which load no model by looking', async ({ url }) => {
  const names = async (path: string) => (await get(url, path)).body.models.map(({ name }: { name: string }) => name)
  assert.equal(await names('/api/tags'), ['a:latest', 'b:latest', 'c:latest'])
  assert.equal((await post(url, '/api/show', { model: 'b:latest' })).body.modelfile, 'FROM b\n')
  assert.is((await post(url, '/api/show', { model: 'd' })).status, 404)
  assert.equal(await names('/api/ps'), ['a:latest', 'c:latest'])
  const { body } = await post(url, '/api/generate', { model: 'b:latest', prompt: 'The lantern', stream: false })
  assert.is(body.model, 'b:latest')
  assert.equal(await names('/api/ps'), ['a:latest', 'b:latest', 'c:latest'])
})

test('answers a response by the model that it names', async ({ url }) => {
  const { body } = await post(url, '/v1/responses', { model: 'b', input: 'What is a lantern?', max_output_tokens: 4 })
  assert.is(body.model, 'b')
  assert.is((await post(url, '/v1/responses', { model: 'd', input: 'a' })).body.error.code, 'model_not_found')
})

test('refuses names and bodies as a server of one model does', async ({ url }) => {
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

test('labels metrics by model, and counts the experts of each', async ({ url }) => {
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

test('answers requests over three models with room for one', async (context) => {
  const url = await serve(context, ['a', 'b', 'c'], ONE)
  const answers = await Promise.all(
    Array.from({ length: 7 }, (_, i) => complete(url, { model: 'abc'[(i * 7) % 3], stream: i % 5 === 0 })),
  )
  assert.equal([...new Set(answers.map(({ status }) => status))], [200])
  const texts = answers.filter((_, i) => i % 5).map(({ body }) => body.choices[0].text)
  assert.is(new Set(texts).size, 1)
  const loaded = Object.values(await states(url)).filter((state) => state === 'loaded')
  assert.is(loaded.length, 1)
  await until(async () => (await get(url, '/health')).body.waiting === 0)

  // The counts of a model that makes room stay, and continue when it comes back.
  const tokens = async () => (await get(url, '/experts')).body.tokens
  await complete(url)
  const before = await tokens()
  await complete(url, { model: 'b' })
  assert.equal(await states(url), { a: 'unloaded', b: 'loaded', c: 'unloaded' })
  assert.is(await tokens(), before)
  await complete(url)
  assert.is(await tokens(), before + 9)
  const processed = new RegExp(`^molm_processed_tokens_total\\{model="a"\\} ${before + 9}$`, 'm')
  assert.match((await get(url, '/metrics')).body, processed)
})

test('ends the wait of a client that leaves, and the load of a server that closes', async (context) => {
  const url = await serve(context, ['a', 'b'], ONE)
  const controller = new AbortController()
  const stream = { ...PROMPT, max_tokens: 400, ignore_eos: true, stream: true, model: 'a' }
  const headers = { 'Content-Type': 'application/json' }
  const request = (body: object, signal?: AbortSignal) =>
    fetch(`${url}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body), signal })
  const long = await request(stream)
  const left = request({ ...PROMPT, model: 'b' }, controller.signal).catch(() => undefined)
  await until(async () => (await get(url, '/health')).body.waiting === 1)
  controller.abort()
  await left
  await until(async () => (await get(url, '/health')).body.waiting === 0)
  const waiting = complete(url, { model: 'b' })
  await until(async () => (await get(url, '/health')).body.waiting === 1)
  const closed = context.open[0].close()
  const { status, body } = await waiting
  assert.equal([status, body.error.code], [503, 'closing'])
  assert.match(await long.text(), /\[DONE\]/)
  await closed
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

test('answers 503 in words while the files of an idle model are missing', async (context) => {
  const url = await serve(context, ['a', 'b'], { idleMs: 30 })
  await until(async () => (await states(url)).a === 'unloaded', 'the end of a', 30)
  const path = join(context.dir, 'a')
  await rename(path, `${path}-away`)
  try {
    const { status, body } = await complete(url)
    assert.equal([status, body.error.code], [503, 'model_unavailable'])
    assert.match(body.error.message, /^a cannot be loaded: .*a: no such file or folder/)
    assert.equal((await get(url, '/v1/models')).body.data[0].status, { value: 'unloaded', failed: true })
    assert.is((await complete(url, { model: 'b' })).status, 200)
  } finally {
    await rename(`${path}-away`, path)
  }
  assert.is((await complete(url)).status, 200)
})

test.run()
