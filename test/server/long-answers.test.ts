import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { get, post, type Served, serveSharedNano, until } from './served.js'

/* Requests with a large max_tokens, as many clients send them, whether or not they need it. */
const test = suite('answers that may become long')

const LONG = { prompt: 'Once', max_tokens: 30_000, ignore_eos: true, stream: true }
let served: Served

test.before(async () => {
  served = await serveSharedNano({ limits: { parallel: 2, waiting: 10, quickTokens: 40 } })
})
test.after(() => served.close())

const health = async () => (await get(served.url, '/health')).body

/** Runs `use` while long answers have all long places; `end` ends them. */
async function crowded(use: (end: () => Promise<void>) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const others = [1, 2].map(() => {
    const headers = { 'Content-Type': 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify(LONG), signal: controller.signal }
    return fetch(`${served.url}/v1/completions`, init).catch(() => undefined)
  })
  const end = async () => {
    controller.abort()
    await Promise.all(others)
  }
  try {
    await until(async () => (await health()).running === 2)
    await use(end)
  } finally {
    await end()
    await until(async () => (await health()).running === 0)
  }
}

test('an answer that stays short overtakes long ones, and so does a prompt of a few thousand tokens', () =>
  crowded(async () => {
    const short = { prompt: 'A dog', max_tokens: 2_048, stop: ['e', 'a', ' '] }
    const { body } = await post(served.url, '/v1/completions', short)
    assert.is(body.choices[0].finish_reason, 'stop')
    const prompt = { prompt: Array.from({ length: 150 }, (_, i) => 300 + i), max_tokens: 1 }
    assert.is((await post(served.url, '/v1/completions', prompt)).status, 200)
    assert.is((await health()).running, 2)
  }))

test('an answer that becomes long pauses, lets others run, and is the same as alone', async () => {
  const ask = { prompt: 'The old lantern', max_tokens: 100, ignore_eos: true, seed: 3, temperature: 1, logprobs: 2 }
  const alone = await post(served.url, '/v1/completions', ask)
  await crowded(async (end) => {
    const [one, other] = [ask, { ...ask, seed: 4 }].map((body) => post(served.url, '/v1/completions', body))
    // Both have run up to their limit.
    await until(async () => (await health()).waiting === 2)
    assert.is((await health()).running, 2)
    await end()
    assert.equal((await one).body.choices, alone.body.choices)
    assert.is((await other).body.usage.completion_tokens, 100)
  })
})

test('a client that disconnects while its answer pauses leaves nothing behind', () =>
  crowded(async () => {
    const controller = new AbortController()
    const body = { ...LONG, model: 'nano', prompt: 'The harbour', stream: true } as const
    const stream = await served.client.completions.create(body, { signal: controller.signal })
    let count = 0
    for await (const _ of stream) {
      if (++count !== 30) continue
      await until(async () => (await health()).waiting === 1)
      controller.abort()
    }
    await until(async () => (await health()).waiting === 0)
    assert.is((await health()).running, 2)
  }))

test.run()
