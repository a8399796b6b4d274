import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type * as Molm from '#molm/index.js'
import { sameBits } from '../../support/compare.js'
import { patchedModule, withPatchedLibrary } from '../../support/patched-library.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'

/*
 * Behaviour at the end of a memory, here of 20 MB in place of 4 GiB: nano's weights and buffers leave room for the
 * caches of about a thousand tokens.
 */
const test = suite<{ model: Molm.Model }>('at the end of a memory', { model: undefined as unknown as Molm.Model })
const PAGES = 306

let end: () => void = () => undefined

test.before(async (context) => {
  const patch = {
    file: 'kernels/memory/arena.js',
    from: 'MEMORY_LIMIT = 65535 * PAGE',
    to: `MEMORY_LIMIT = ${PAGES} * PAGE`,
  }
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  await new Promise<void>((resolve, reject) => {
    withPatchedLibrary([patch], async (folder) => {
      const { loadModel } = await patchedModule<typeof Molm>(folder, 'index.js')
      context.model = await loadModel('nano', { threads: 1 })
      resolve()
      await ended
    }).catch(reject)
  })
})

test.after(async ({ model }) => {
  await model.dispose()
  end()
})

async function refusal(call: Promise<unknown>): Promise<string> {
  const thrown = await thrownBy(call)
  assert.is((thrown as Error | undefined)?.name, 'UserError', String(thrown))
  assert.match(String(thrown), /no room for .*`context`/)
  // The error keeps its class between the threads.
  assert.type((thrown as { tokens?: { held: number } }).tokens?.held, 'number')
  return String(thrown)
}

test('a text that is too long is refused at once, without effect on its session or others', async ({ model }) => {
  const [session, other] = [model.createSession(), model.createSession()]
  const tokens = integers(300, 3, 4000)
  await session.forward(tokens, { logits: 'none' })
  await other.forward(tokens, { logits: 'none' })
  const { cacheBytes, bytesRead } = await model.stats()
  const long = integers(50_000, 4, 4000)
  await refusal(session.forward(long))
  await refusal(session.generate(long, { maxTokens: 1 }).next())
  assert.is(session.length, 300)
  assert.equal((await model.stats()).cacheBytes, cacheBytes)
  assert.equal((await model.stats()).bytesRead, bytesRead)
  sameBits((await session.forward([5])).logits, (await other.forward([5])).logits)
  // With a limited context, the same text runs.
  const { value } = await session.generate(long.slice(0, 5000), { maxTokens: 1, context: 100 }).next()
  assert.ok(value && 'token' in value)
  for (const one of [session, other]) one.dispose()
})

test('a generation that fills the memory keeps the steps that its reader has', async ({ model }) => {
  const session = model.createSession()
  const tokens: number[] = []
  const options = { temperature: 0, maxTokens: 100_000, ignoreEos: true, stop: [] }
  const generation = (async () => {
    for await (const { token } of session.generate([5, 9, 2], options)) tokens.push(token)
  })()
  await refusal(generation)
  assert.ok(tokens.length > 200, `${tokens.length} tokens`)
  assert.is(session.length, 3 + tokens.length - 1)
  session.truncate(100)
  const { logits } = await session.forward([7])
  const fresh = model.createSession()
  session.dispose()
  sameBits((await fresh.forward([5, 9, 2, ...tokens.slice(0, 97), 7])).logits, logits)
  fresh.dispose()
})

test('a session too many is refused, the others still work, and disposed ones make room', async ({ model }) => {
  const sessions: Molm.Session[] = []
  const tokens = integers(20, 5, 4000)
  let message = ''
  while (message === '' && sessions.length < 5000) {
    const session = model.createSession()
    await session.forward(tokens, { logits: 'none' }).then(
      () => sessions.push(session),
      async (error: unknown) => {
        message = await refusal(Promise.reject(error))
        session.dispose()
      },
    )
  }
  assert.match(message, /no room/)
  assert.ok(sessions.length > 10, `${sessions.length} sessions`)
  const [first, ...others] = sessions
  const { logits } = await first.forward([3])
  for (const session of others) session.dispose()
  sameBits((await model.createSession().forward([...tokens, 3])).logits, logits)
  // One large session can use the pages of many small ones.
  await model.createSession().forward(integers(15 * others.length, 6, 4000), { logits: 'none' })
})

test.run()
