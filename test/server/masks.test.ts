import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RoutedToken } from '#molm/api/wire.js'
import { type Intervention, parseMask, resultOf } from '#molm/index.js'
import { listen } from '#molm/server/listen.js'
import { get, post, type Served, serverFor, serveSharedNano } from './served.js'

const test = suite('masks in requests')
const served = serverFor(test, () => serveSharedNano({}))

const GREEDY = { temperature: 0, max_tokens: 40, ignore_eos: true }
const PROMPT = 'The old lighthouse keeper'

async function complete({ url }: { url: string }, mask: string[] | undefined, more: object = {}) {
  const { status, body } = await post(url, '/v1/completions', { prompt: PROMPT, ...GREEDY, mask, ...more })
  assert.is(status, 200, JSON.stringify(body))
  return { text: body.choices[0].text as string, ...body }
}

/** Text of a session of the library with a mask. */
async function textWith({ model }: Served, specs: string[]): Promise<string> {
  const session = model.createSession({ mask: parseMask(specs, model.config) })
  const options = { temperature: 0, maxTokens: 40, ignoreEos: true } as const
  const { text } = await resultOf(session.generate(PROMPT, options))
  session.dispose()
  return text
}

test('a masked request uses none of its experts, and gets the text of a masked session', async () => {
  const mask = ['3:mlp:0-11', '2:attention:1,3']
  const { text, choices } = await complete(served, mask, { routed_experts: true })
  assert.is(text, await textWith(served, mask))
  const [{ routed_experts, prompt_routed_experts }] = choices
  for (const { experts } of [...prompt_routed_experts, ...routed_experts] as RoutedToken[]) {
    assert.ok(experts?.[3].mlp?.ids.every((id) => id > 11) ?? true)
    assert.ok(experts?.[2].attention?.ids.every((id) => id !== 1 && id !== 3) ?? true)
  }
})

test('requests with different masks share batches, and each has the text that it has alone', async () => {
  const masks = [undefined, ['0:mlp:0-9'], ['5:mlp:13-23', '4:mlp:1'], undefined, ['1:attention:0-2'], ['0:mlp:0-9']]
  const alone: string[] = []
  for (const mask of masks) alone.push((await complete(served, mask)).text)
  assert.is(new Set(alone).size, 4)
  const before = await served.model.stats()
  const together = await Promise.all(masks.map(async (mask) => (await complete(served, mask)).text))
  assert.equal(together, alone)
  const after = await served.model.stats()
  const batches = after.microBatches - before.microBatches
  assert.ok(batches < after.tokensProcessed - before.tokensProcessed, 'they shared batches')
})

test('a kept sequence is only continued with the same mask, however it is written', async () => {
  const prompt = 'A sequence that only this test has begun, with some words to keep'
  const cached = async (mask?: string[]) =>
    (await complete(served, mask, { prompt, max_tokens: 3 })).usage.prompt_tokens_details.cached_tokens as number
  assert.is(await cached(['2:mlp:1-3']), 0)
  assert.is(await cached(), 0)
  assert.is(await cached(['2:mlp:4']), 0)
  assert.ok((await cached(['2:mlp:3,2', '2:mlp:1'])) > 5)
  assert.ok((await cached()) > 5)
})

test('interventions hold for their request alone, and a kept sequence continues with the same ones only', async () => {
  const interventions: Intervention[] = [
    { layer: 3, part: 'residual', tokens: [2, 3, 4, 5], replace: 'zero' },
    { layer: 4, part: 'mlp', replace: 'zero' },
  ]
  const session = served.model.createSession({ interventions })
  const { text } = await resultOf(session.generate(PROMPT, { temperature: 0, maxTokens: 40, ignoreEos: true }))
  session.dispose()
  const [plain, changed, masked] = await Promise.all([
    complete(served, undefined),
    complete(served, undefined, { interventions }),
    complete(served, ['3:mlp:0-11'], { interventions }),
  ])
  assert.is(changed.text, text)
  assert.is.not(plain.text, text)
  assert.is.not(masked.text, text)
  assert.is(plain.text, (await complete(served, undefined)).text)
  const prompt = 'Another sequence that only this test has begun, with words to keep'
  const cached = async (more: object) =>
    (await complete(served, undefined, { prompt, max_tokens: 3, ...more })).usage.prompt_tokens_details.cached_tokens
  assert.is(await cached({ interventions }), 0)
  assert.is(await cached({}), 0)
  assert.is(await cached({ interventions: interventions.slice(1) }), 0)
  assert.ok((await cached({ interventions })) > 5)
})

test('a chat is masked too', async () => {
  const { url } = served
  const messages = [{ role: 'user', content: 'What is a lantern?' }]
  const ask = async (mask?: string[]) =>
    (await post(url, '/v1/chat/completions', { messages, temperature: 0, mask })).body.choices[0].message.content
  const plain = await ask()
  assert.is.not(await ask(Array.from({ length: 6 }, (_, layer) => `${layer}:mlp:0-19`)), plain)
  assert.is(await ask([]), plain)
})

test('wrong masks are refused by name', async () => {
  const { url } = served
  const wrong: [mask: unknown, message: RegExp][] = [
    ['3:mlp:5', /^"mask" must be a list of texts like "3:mlp:5,7-9"/],
    [[5], /^"mask" must be a list of texts/],
    [['3:mlp:'.padEnd(140_000, '1')], /with at most 131072 characters/],
    [['mlp 5'], /LAYER:KIND:IDS, like 3:mlp:5,7-9 \(kind attention or mlp\), not .mlp 5/],
    [['3:mlp:24'], /mask '3:mlp:24': layer 3 has mlp experts 0 to 23/],
    [['6:mlp:0'], /the model has layers 0 to 5/],
    [['0:mlp:0-23'], /layer 0 would have 0 mlp experts left, but a token uses 4/],
  ]
  for (const path of ['/v1/completions', '/v1/chat/completions']) {
    for (const [mask, message] of wrong) {
      const asked = path.includes('chat') ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x' }
      const { status, body } = await post(url, path, { ...asked, mask })
      assert.is(status, 400)
      assert.match(body.error.message, message)
      assert.is(body.error.param, 'mask')
    }
  }
})

test('the mask of the whole server is in /v1/models, and counts with the mask of a request', async () => {
  const { model } = served
  const mask = parseMask(['3:mlp:0-11'], model.config)
  await model.maskExperts(mask)
  const server = await listen({ port: 0 })
  server.open(model, { mask })
  try {
    const { body } = await get(server.url, '/v1/models')
    assert.equal(body.data[0].meta.mask, ['3:mlp:0,1,2,3,4,5,6,7,8,9,10,11'])
    const asked = { prompt: PROMPT, mask: ['3:mlp:12-20'] }
    const { status, body: refused } = await post(server.url, '/v1/completions', asked)
    assert.is(status, 400)
    assert.match(refused.error.message, /layer 3 would have 3 mlp experts left/)
    assert.is((await complete(server, ['3:mlp:12-19'])).choices.length, 1)
  } finally {
    await server.close()
    await model.maskExperts()
  }
})

test.run()
