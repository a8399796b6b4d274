import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertQuick, longestBeside, MOST_WAIT } from './beside-health.js'
import { hostileBodies } from './hostile-bodies.js'
import { post, serverFor, sharedNano } from './served.js'

/* No body may block the server, whatever its content. `node bench/measure-bodies.mjs` measures the cost of each. */
const test = suite('hostile bodies')

const served = serverFor(test, sharedNano)

test('small bodies are refused', async () => {
  for (const { name, path, text, status } of hostileBodies(2_000)) {
    if (status === 200) continue
    const { status: got, body } = await post(served.url, path, text)
    assert.is(got, status, `${name}: ${JSON.stringify(body).slice(0, 300)}`)
  }
})

/** One of each kind. */
const NAMES = [
  'a long name',
  'names without number',
  'a deep list',
  'a deep schema',
  'a list that never closes',
  'values in the arguments of a call',
  'good messages and a bad one',
  'good items and a bad one',
  'messages without number for ollama',
  'texts as prompts',
  'fractions',
  'a long grammar',
  'a long text',
  'a thousand long texts to stop at',
]

test('large bodies are refused or answered quickly, and others are answered meanwhile', async () => {
  const bodies = hostileBodies(300_000).filter(({ name }) => NAMES.includes(name))
  assert.is(bodies.length, NAMES.length)
  for (const body of bodies) await assertQuick(served.url, body)
})

test('a form that is expensive or endless keeps no other client waiting', async () => {
  const rules = Array.from({ length: 1_500 }, (_, i) => `r${i} ::= "a" r${i + 1} | "b" r${i + 1}`)
  const forms: [object, number][] = [
    [{ grammar: ['root ::= r0', ...rules, 'r1500 ::= "c"'].join('\n') }, 200],
    [{ grammar: 'root ::= root "a" | "a"' }, 400],
    [{ grammar: 'root ::= a\na ::= root' }, 400],
    [{ regex: '(a+)+b' }, 200],
    [{ json_schema: { anyOf: [{ $ref: '#' }, { $ref: '#' }] } }, 400],
    [{ json_schema: { enum: Array.from({ length: 1_000 }, (_, i) => `value ${i}`) } }, 200],
  ]
  for (const [form, status] of forms) {
    const answer = post(served.url, '/v1/completions', { prompt: 'a', max_tokens: 4, ...form })
    const longest = await longestBeside(served.url, answer)
    const { status: got, body } = await answer
    assert.is(got, status, JSON.stringify(body).slice(0, 300))
    assert.ok(longest < MOST_WAIT, `${JSON.stringify(form).slice(0, 50)}: others waited ${longest} ms`)
  }
})

test('prompts are counted before any of them is encoded', async () => {
  // The first prompt has too many tokens: if it were encoded, it would be refused for those.
  const prompt = [' house'.repeat(40_000), ...new Array(256).fill('a')]
  const { body } = await post(served.url, '/v1/completions', { prompt, max_tokens: 1 })
  assert.match(body.error.message, /257 prompts times 1 exceed the limit of 256 texts/)
  assert.is(body.error.param, 'n')
})

test('names are counted before a body is parsed', async () => {
  const names = Array.from({ length: 2 ** 16 }, (_, i) => `"k${i}":1`).join()
  const { status, body } = await post(served.url, '/v1/completions', `{"prompt":"a",${names}}`)
  assert.is(status, 400)
  assert.match(body.error.message, /^the body: too large, more than 65536 keys are in it$/)
})

test('a request with the maximum number of token ids is read', async () => {
  const prompt = new Array(8).fill(new Array(16_385).fill(300))
  const { body } = await post(served.url, '/v1/completions', { prompt, max_tokens: 1 })
  assert.match(body.error.message, /prompts of 131080 tokens exceed the limit of 131072/)
  const { status } = await post(served.url, '/detokenize', { tokens: new Array(200_000).fill(300) })
  assert.is(status, 200)
})

test.run()
