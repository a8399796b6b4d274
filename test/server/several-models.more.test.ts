import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { get, send, until } from './served.js'
import { complete, ONE, PROMPT, serve, severalNanosSuite, states } from './several-nanos.js'

const test = severalNanosSuite('several models that clients wait for, and without their files')

test('ends the wait of a client that leaves, and the load of a server that closes', async (context) => {
  const url = await serve(context, ['a', 'b'], ONE)
  const controller = new AbortController()
  const stream = { ...PROMPT, max_tokens: 400, ignore_eos: true, stream: true, model: 'a' }
  const long = await send(url, '/v1/completions', stream)
  const left = send(url, '/v1/completions', { ...PROMPT, model: 'b' }, controller).catch(() => undefined)
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
