import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PromptStore } from '#molm/chat/prompt-cache/prompt-store.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { post, type Served, serveNano, sharedNano } from './served.js'

const test = suite('prompts that outlast a server')

test.after(() => sharedNano.release())

/** A text of some 200 tokens. */
const LONG = 'A lantern is a light inside a case that can be carried. '.repeat(16)

const ask = async ({ url }: Served, prompt: string, fields: object = {}) => {
  const { status, body } = await post(url, '/v1/completions', { prompt, max_tokens: 8, temperature: 0, ...fields })
  assert.is(status, 200, JSON.stringify(body))
  const { prompt_tokens: tokens, prompt_tokens_details: details } = body.usage
  return { text: body.choices[0].text, tokens, cached: details.cached_tokens }
}

/** Runs `use` with a server that keeps prompts in a folder. Resolves once that has closed. */
async function withServer<T>(folder: string, use: (served: Served) => Promise<T>, notes: string[] = []): Promise<T> {
  const prompts = await PromptStore.open(folder, { most: 2 ** 30, onNote: (note) => notes.push(note) })
  const { model } = await sharedNano.get()
  const served = await serveNano({ prompts }, model)
  try {
    return await use(served)
  } finally {
    await served.close()
  }
}

test('a server takes up what one before it has read, and answers the same', async () => {
  await inTemporaryFolder(async (folder) => {
    const first = await withServer(folder, (served) => ask(served, LONG))
    assert.is(first.cached, 0)
    assert.is((await readdir(folder)).length, 1)
    await withServer(folder, async (served) => {
      const other = await ask(served, `${LONG}A ship is`)
      assert.ok(other.cached > 160 && other.cached >= first.tokens - 1, `${other.cached} of ${other.tokens} tokens`)
      assert.is(
        other.text,
        (await ask(served, `${LONG}A ship is`, { echo: true, logprobs: 0 })).text.slice(LONG.length + 9),
      )
      const short = await ask(served, 'A lantern')
      assert.is(short.cached, 0)
    })
  })
})

test('requests at once load a cache once, and all use it', async () => {
  await inTemporaryFolder(async (folder) => {
    await withServer(folder, (served) => ask(served, LONG))
    await withServer(folder, async (served) => {
      const answers = await Promise.all([0, 1, 2, 3].map((i) => ask(served, `${LONG}Number ${i} is`)))
      assert.ok(answers.some(({ cached }) => cached > 160))
      const { sequencesRunning } = await served.model.stats()
      assert.is(sequencesRunning, 0)
    })
  })
})

test('a cache that is of another mask or damaged is not used', async () => {
  await inTemporaryFolder(async (folder) => {
    await withServer(folder, (served) => ask(served, LONG))
    await withServer(folder, async (served) => {
      assert.is((await ask(served, LONG, { mask: ['3:mlp:5'] })).cached, 0)
    })
    const notes: string[] = []
    for (const name of await readdir(folder)) await writeFile(join(folder, name), 'no cache')
    await withServer(folder, async (served) => assert.is((await ask(served, LONG)).cached, 0), notes)
    assert.is(notes.length, 2)
  })
})

test.run()
