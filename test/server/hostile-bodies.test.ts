import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ownTime } from '../support/own-time.js'
import { hostileBodies } from './hostile-bodies.js'
import { get, post, type Served, sharedNano } from './served.js'

/* No body may block the server, whatever its content. `node bench/measure-bodies.mjs` measures the cost of each. */
const test = suite('hostile bodies')

/*
 * Milliseconds, for a busy machine; the script has the bounds of an idle one. Such bodies once blocked all others for 4
 * seconds to minutes. Encoding a long text takes a second or two, in turns with others.
 */
const [MOST_WAIT, MOST_TIME] = [5_000, 15_000]

let served: Served

test.before(async () => {
  served = await sharedNano.get()
})
test.after(() => sharedNano.release())

/**
 * Waits for an answer while it requests /health all the time. Returns the longest time between two answers of /health, in
 * milliseconds. Pauses count, since a blocked server ends them late.
 */
async function longestBeside(answer: Promise<unknown>): Promise<number> {
  let isOver = false
  const end = answer.finally(() => {
    isOver = true
  })
  let longest = 0
  while (!isOver) {
    const since = ownTime()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.is((await get(served.url, '/health')).body.status, 'ok')
    longest = Math.max(longest, ownTime() - since)
  }
  await end
  return longest
}

// The second size has the maximum number of values, so that every check runs on them.
for (const bytes of [2_000, 700_000, 4 * 2 ** 20]) {
  test(`a body of ${bytes} bytes is refused or answered quickly, and others are answered meanwhile`, async () => {
    for (const { name, path, text, status } of hostileBodies(bytes)) {
      assert.ok(Buffer.byteLength(text) <= bytes, name)
      const started = ownTime()
      const answer = post(served.url, path, text)
      const longest = await longestBeside(answer)
      const took = ownTime() - started
      const { status: got, body } = await answer
      const said = JSON.stringify(body).slice(0, 300)
      assert.is(got, status, `${name}: ${said}`)
      assert.ok(longest < MOST_WAIT, `${name}: others waited ${longest} ms`)
      // The remaining time of an answer is that of its tokens.
      if (got === 200) continue
      assert.ok(took < MOST_TIME, `${name}: ${took} ms`)
      assert.ok((body.error.message ?? body.error).length < 400, `${name}: ${said}`)
    }
  })
}

test('a form that is expensive or endless keeps no other client waiting', async () => {
  const rules = Array.from({ length: 3_000 }, (_, i) => `r${i} ::= "a" r${i + 1} | "b" r${i + 1}`)
  const forms: [object, number][] = [
    [{ grammar: ['root ::= r0', ...rules, 'r3000 ::= "c"'].join('\n') }, 200],
    [{ grammar: 'root ::= root "a" | "a"' }, 400],
    [{ grammar: 'root ::= a\na ::= root' }, 400],
    [{ regex: '(a+)+b' }, 200],
    [{ json_schema: { anyOf: [{ $ref: '#' }, { $ref: '#' }] } }, 400],
    [{ json_schema: { enum: Array.from({ length: 2_000 }, (_, i) => `value ${i}`) } }, 200],
  ]
  for (const [form, status] of forms) {
    const answer = post(served.url, '/v1/completions', { prompt: 'a', max_tokens: 4, ...form })
    const longest = await longestBeside(answer)
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
