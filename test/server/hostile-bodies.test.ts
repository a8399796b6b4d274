import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hostileBodies } from './hostile-bodies.js'
import { get, post, type Served, serveNano } from './served.js'

/* One body may not hold the server, whatever is in it. `node scripts/measure-bodies.mjs` measures what each costs. */
const test = suite('hostile bodies')

let served: Served

test.before(async () => {
  served = await serveNano()
})
test.after(() => served.close())

// The second size has as many values as may be, so that every check is run on them.
for (const bytes of [4_000, 700_000, 4 * 2 ** 20]) {
  test(`a body of ${bytes} bytes is refused or answered quickly`, async () => {
    for (const { name, path, text, status } of hostileBodies(bytes)) {
      assert.ok(Buffer.byteLength(text) <= bytes, name)
      const started = performance.now()
      const answer = await post(served.url, path, text)
      const said = JSON.stringify(answer.body).slice(0, 300)
      const isSmall = bytes < 2 ** 20 && status === 400
      assert.ok(answer.status === status || (isSmall && answer.status === 200), `${name}: ${answer.status} ${said}`)
      if (answer.status === 200) continue
      assert.ok(answer.body.error.message.length < 400, `${name}: ${said}`)
      // Bodies of 4 MiB once took up to minutes; encoding a long text takes a second or two, in turns with others.
      assert.ok(performance.now() - started < 15_000, name)
    }
    assert.is((await get(served.url, '/health')).body.status, 'ok')
  })
}

test('prompts are counted before any of them is encoded', async () => {
  // The first has more tokens than a prompt may: it would be refused for these if it were encoded.
  const prompt = [' house'.repeat(40_000), ...new Array(256).fill('a')]
  const { body } = await post(served.url, '/v1/completions', { prompt, max_tokens: 1 })
  assert.match(body.error.message, /257 prompts times 1 are more than the 256 texts/)
  assert.is(body.error.param, 'n')
})

test('names are counted before a body is parsed', async () => {
  const names = Array.from({ length: 2 ** 16 }, (_, i) => `"k${i}":1`).join()
  const { status, body } = await post(served.url, '/v1/completions', `{"prompt":"a",${names}}`)
  assert.is(status, 400)
  assert.match(body.error.message, /^the body: too large, more than 65536 keys are in it$/)
})

test('as many token ids as a request may have are read', async () => {
  const prompt = new Array(8).fill(new Array(16_385).fill(300))
  const { body } = await post(served.url, '/v1/completions', { prompt, max_tokens: 1 })
  assert.match(body.error.message, /prompts of 131080 tokens are more than the 131072/)
  const { status } = await post(served.url, '/detokenize', { tokens: new Array(200_000).fill(300) })
  assert.is(status, 200)
})

test.run()
