import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tokenizer } from '#molm/api/text.js'
import type { Model } from '#molm/index.js'
import { gapTokensOf } from '#molm/server/api/fill-in-middle.js'
import { post, serveParrot, serverFor, sharedNano } from './served.js'

/* `suffix` in completions: the text for a gap. */
const test = suite('filling a gap')

const COMPLETIONS = '/v1/completions'
const BEFORE = 'def add(a, b):\n    '
const AFTER = '\n\nprint(add(1, 2))'
const GAP = 'return a + b'
const GREEDY = { temperature: 0, max_tokens: 40 }
const served = serverFor(test, () =>
  serveParrot(
    { format: 'granite-code', answers: [{ says: `${GAP}<fim_pad>another file` }] },
    { limits: { contextTokens: 1_000 } },
  ),
)

test('the gap is filled, and a token of padding ends its text', async () => {
  const { client } = served
  const ask = { ...GREEDY, model: served.model.name, prompt: BEFORE, suffix: AFTER }
  const { choices, usage } = await client.completions.create(ask)
  assert.is(choices[0].text, GAP)
  assert.is(choices[0].finish_reason, 'stop')
  const ids = (text: string) => served.model.tokenizer.encode(text).length
  assert.is(usage?.prompt_tokens, ids(BEFORE) + ids(AFTER) + 3)
  let streamed = ''
  for await (const chunk of await client.completions.create({ ...ask, stream: true })) streamed += chunk.choices[0].text
  assert.is(streamed, GAP)
})

test('the text before the gap comes first, each part behind its token', async () => {
  const { tokenizer } = served.model
  const prompt = `<fim_prefix>${BEFORE}<fim_suffix>${AFTER}<fim_middle>`
  const ask = { ...GREEDY, logprobs: 0, stop: ['<fim_pad>'] }
  const { body: written } = await post(served.url, COMPLETIONS, { ...ask, prompt })
  const { body: filled } = await post(served.url, COMPLETIONS, { ...ask, prompt: BEFORE, suffix: AFTER })
  assert.equal(filled.choices, written.choices)
  assert.is(filled.usage.prompt_tokens, tokenizer.encode(prompt).length)
  // The same tokens: the second request found all but the last in the cache of the first.
  assert.is(filled.usage.prompt_tokens_details.cached_tokens, filled.usage.prompt_tokens - 1)
})

test('prompts may be several, and ids', async () => {
  const prompt = [served.model.tokenizer.encode(BEFORE), served.model.tokenizer.encode('a = ')]
  const { body } = await post(served.url, COMPLETIONS, { ...GREEDY, prompt, suffix: AFTER, n: 2 })
  const texts = body.choices.map(({ text }: { text: string }) => text)
  assert.equal(texts, [GAP, GAP, GAP, GAP])
})

test('an empty suffix changes nothing, and with echo it is refused', async () => {
  const without = await post(served.url, COMPLETIONS, { ...GREEDY, prompt: BEFORE })
  const { body } = await post(served.url, COMPLETIONS, { ...GREEDY, prompt: BEFORE, suffix: '' })
  assert.equal(body.choices, without.body.choices)
  const echoed = await post(served.url, COMPLETIONS, { prompt: BEFORE, suffix: AFTER, echo: true })
  assert.is(echoed.status, 400)
  assert.is(echoed.body.error.param, 'echo')
  const wrong = await post(served.url, COMPLETIONS, { prompt: BEFORE, suffix: 7 })
  assert.match(wrong.body.error.message, /"suffix" must be a text/)
})

test('both texts together must fit into the context', async () => {
  const long = 'x'.repeat(600)
  const { status, body } = await post(served.url, COMPLETIONS, { prompt: long, suffix: long })
  assert.is(status, 400)
  assert.is(body.error.code, 'context_length_exceeded')
})

test('a model without tokens for it is named in the refusal', async () => {
  const nano = await sharedNano.get()
  try {
    const { status, body } = await post(nano.url, COMPLETIONS, { prompt: BEFORE, suffix: AFTER })
    assert.is(status, 400)
    assert.is(body.error.param, 'suffix')
    assert.match(body.error.message, /"suffix" is not supported by nano: its tokenizer has no tokens for/)
  } finally {
    await sharedNano.release()
  }
})

test('tokens of every known form are found, and half a form is none', async () => {
  const forms = [
    ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>', '<|file_sep|>'],
    ['<|fim_pre|>', '<|fim_suf|>', '<|fim_mid|>'],
    ['▁<PRE>', '▁<SUF>', '▁<MID>', '▁<EOT>'],
    ['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
  ]
  const found = (names: string[]) => {
    const tokenizer = { idOf: (name) => [undefined, 0, 1, 2, 3][names.indexOf(name) + 1] } as Partial<Tokenizer>
    const info = { kind: 'checkpoint', path: '/nowhere' }
    return gapTokensOf({ hasTokenizer: true, tokenizer, info } as unknown as Model)
  }
  for (const names of forms) {
    const { ends = [], ...ids } = (await found(names)) ?? {}
    assert.equal(ids, { prefix: 0, suffix: 1, middle: 2 })
    assert.equal([...ends].sort(), [...names].sort())
  }
  assert.is(await found(['<|fim_prefix|>', '<|fim_suffix|>']), undefined)
  assert.is(await found(['<fim_prefix>', '<|fim_suffix|>', '<|fim_middle|>']), undefined)
})

test.run()
