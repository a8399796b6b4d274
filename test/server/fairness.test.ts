import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { get, post, send, serverFor, serveSharedNano, until, withNano } from './served.js'

/* A greedy client, and another one with a short request. */
const test = suite('fairness')

const LONG = { prompt: new Array(500).fill(5), max_tokens: 30_000, ignore_eos: true, stream: true }
const SHORT = { prompt: 'A dog', max_tokens: 1, temperature: 0 }
const served = serverFor(test, () => serveSharedNano({ limits: { parallel: 2, waiting: 3 } }))

const health = async () => (await get(served.url, '/health')).body
/** Number of tokens of all answers so far. */
const generated = async () => {
  const { body } = await get(served.url, '/metrics')
  return Number(/^molm_generated_tokens_total (\d+)$/m.exec(body)?.[1])
}

/** Runs `use` while other requests run whose answers are not read. They end with it. */
async function beside(bodies: object[], waiting: number, use: () => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const others = bodies.map((body) => {
    return send(served.url, '/v1/completions', body, controller).catch(() => undefined)
  })
  try {
    await until(async () => {
      const counts = await health()
      return counts.running >= Math.min(2, bodies.length) && counts.waiting === waiting
    })
    await use()
  } finally {
    controller.abort()
    await Promise.all(others)
    await until(async () => (await health()).running === 0)
  }
}

/** Checks that a short request is answered while the others still run. */
async function assertShortPasses(waiting: number): Promise<void> {
  const { status, body } = await post(served.url, '/v1/completions', SHORT)
  assert.is(status, 200)
  assert.is(body.usage.completion_tokens, 1)
  const counts = await health()
  assert.ok(counts.running >= 2 && counts.waiting === waiting, JSON.stringify(counts))
}

test('a request of many long answers leaves places to others, even to long ones', () =>
  beside([{ ...LONG, n: 20 }], 0, async () => {
    await assertShortPasses(0)
    // Otherwise it would wait until one of the long answers ends, at 30,000 tokens.
    const before = await generated()
    const controller = new AbortController()
    const ask = { ...LONG, model: 'nano', stream: true } as const
    const stream = served.client.completions.create(ask, { signal: controller.signal })
    const first = stream.then((events) => events[Symbol.asyncIterator]().next())
    let hasCome = false
    first.then(
      () => {
        hasCome = true
      },
      () => undefined,
    )
    try {
      await until(async () => hasCome || (await generated()) > before + 3_000)
      assert.ok(hasCome, 'the others got 3,000 tokens before it got its first')
      assert.is((await first).value?.choices.length, 1)
    } finally {
      controller.abort()
    }
  }))

test('a short request overtakes long answers, and long prompts that wait', async () => {
  const prompt = { prompt: new Array(300).fill(5), max_tokens: 30_000, ignore_eos: true, stream: true }
  await beside([prompt, prompt, prompt, prompt], 2, () => assertShortPasses(2))
})

test('answers that pause for each other are the same as alone', async () => {
  const ask = { prompt: 'The old lantern', max_tokens: 200, ignore_eos: true, temperature: 1, logprobs: 2 }
  const asks = [3, 4, 5].map((seed) => ({ ...ask, seed }))
  const alone: unknown[] = []
  for (const body of asks) alone.push((await post(served.url, '/v1/completions', body)).body.choices)
  await beside([LONG], 0, async () => {
    const together = await Promise.all(asks.map((body) => post(served.url, '/v1/completions', body)))
    const choices = together.map(({ body }) => body.choices)
    assert.equal(choices, alone)
  })
})

test('requests to encode and decode texts wait in the queue too, and are refused when it is full', () =>
  beside([LONG, LONG, LONG, LONG, LONG], 3, async () => {
    const text = await post(served.url, '/tokenize', { prompt: 'A dog' })
    const tokens = await post(served.url, '/detokenize', { tokens: [5] })
    assert.equal([text.status, tokens.status], [429, 429])
    assert.ok(Number(text.headers.get('retry-after')) >= 1)
  }))

test('a text with more tokens than the limit of a request is not encoded to its end', async () => {
  const { status, body } = await post(served.url, '/tokenize', { prompt: ' house'.repeat(600_000) })
  assert.is(status, 400)
  assert.match(body.error.message, /^the text has more than 131072 tokens, the limit per request$/)
  assert.equal(await health(), { status: 'ok', model: 'nano', running: 0, waiting: 0, models: { nano: 'loaded' } })
})

test('a text with more tokens than the context is refused before all of it is encoded', async () => {
  const { status, body } = await post(served.url, '/v1/completions', { prompt: ' house'.repeat(600_000) })
  assert.is(status, 400)
  assert.is(body.error.code, 'context_length_exceeded')
  assert.match(body.error.message, /^the prompt has more than 32767 tokens/)
})

test('alternating conversations read only their last messages', async () => {
  const conversations = ['lantern', 'harbour', 'violet'].map((word) => {
    const content = Array.from({ length: 60 }, (_, i) => `${word} ${i}`).join(' ')
    return [{ role: 'user', content }]
  })
  for (let turn = 0; turn < 3; turn++) {
    for (const messages of conversations) {
      const { body } = await post(served.url, '/v1/chat/completions', { messages, max_tokens: 10, temperature: 0 })
      const { prompt_tokens, prompt_tokens_details } = body.usage
      assert.ok(turn === 0 || prompt_tokens - prompt_tokens_details.cached_tokens < 40, JSON.stringify(body.usage))
      messages.push({ role: 'assistant', content: body.choices[0].message.content }, { role: 'user', content: 'Why?' })
    }
  }
})

test('a prompt that memory is not enough for is refused before it runs, with the number of tokens that fit', async () => {
  // 32 MiB are left free, and a token of nano has 3,840 bytes.
  const process = { free: 32 * 2 ** 20 + 200 * 3_840, used: 0 }
  const ask = { prompt: new Array(250).fill(7), max_tokens: 5 }
  await withNano({ memory: { available: () => process.free, used: () => process.used } }, served.model, async (own) => {
    const { status, body } = await post(own.url, '/v1/completions', ask)
    assert.is(status, 503)
    assert.is(body.error.code, 'no_memory')
    assert.is(body.error.message, 'the prompt and its answer need memory for 255 tokens; there is enough for 200')
    assert.is((await post(own.url, '/v1/completions', SHORT)).status, 200)
    process.free = 10 ** 9
    assert.is((await post(own.url, '/v1/completions', ask)).status, 200)
  })
})

test.run()
