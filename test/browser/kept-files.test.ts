import { mkdtemp, readFile, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { repositoryPath } from '../support/fixtures.js'
import { WebServer } from '../support/web-server.js'

/** Loads the model in a page, writes some words, and reports what the origin keeps. */
const LOAD = `(async () => {
  const molm = await import('/dist/web/index.js')
  const warnings = []
  const progress = []
  try {
    const model = await molm.loadModel('/models/${'model-q4.molm.safetensors'}', {
      onWarning: (message) => warnings.push(message),
      onProgress: ({ bytes, total }) => progress.push([bytes, total]),
    })
    let text = ''
    for await (const step of model.createSession().generate('Once', { temperature: 0, maxTokens: 4 })) text += step.text
    await model.dispose()
    return { text, warnings, progress: progress.at(-1), kept: await molm.keptFiles() }
  } catch (error) {
    return { error: error.message, kept: await molm.keptFiles() }
  }
})()`

interface Loaded {
  text?: string
  error?: string
  warnings: string[]
  progress?: [bytes: number, total: number]
  kept: { address: string; bytes: number; isWhole: boolean }[]
}

const test = suite('files that a page keeps')
let folder: string
let web: WebServer
let size: number

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-test-'))
  const { path } = await convertModel(repositoryPath('models/nano'), folder, { quant: 'q4' })
  size = (await readFile(path)).length
})

test.before.each(async () => {
  web = await WebServer.start({ dist: repositoryPath('dist'), models: folder })
})

test.after.each(() => web.close())

test.after(async () => {
  await Promise.all([sharedBrowser.release(), rm(folder, { recursive: true, force: true })])
})

/** Runs `use` with a function that loads the model again, in a browser profile that keeps its files. */
async function inProfile(use: (load: () => Promise<Loaded>) => Promise<void>): Promise<void> {
  await visit(await sharedBrowser.get(), {}, async ({ page }) => {
    await use(async () => {
      await page.goto(web.url)
      return page.evaluate(LOAD)
    })
  })
}

const fetched = () => web.requests.filter((path) => path.startsWith('GET /models/'))

if (HAS_BROWSER) {
  test('a second visit fetches no byte of a model, until the host has another version', () =>
    inProfile(async (load) => {
      const first = await load()
      assert.equal([first.text, first.warnings, first.progress], [', and I will', [], [size, size]])
      assert.equal(first.kept, [{ address: `${web.url}/models/model-q4.molm.safetensors`, bytes: size, isWhole: true }])
      assert.ok(fetched().length > 1)
      web.requests.length = 0
      assert.is((await load()).text, first.text)
      assert.equal(fetched(), [])
      await utimes(join(folder, 'model-q4.molm.safetensors'), new Date(), new Date(2020, 1, 1))
      assert.is((await load()).text, first.text)
      assert.equal(fetched(), ['GET /models/model-q4.molm.safetensors'])
    }))

  test('a fetch continues after the connection has broken', () =>
    inProfile(async (load) => {
      web.breaksAfter = 2 ** 21
      const { text, progress } = await load()
      assert.equal([text, progress], [', and I will', [size, size]])
      // A browser may lose the last bytes before a break.
      assert.ok(web.starts.length >= Math.ceil(size / 2 ** 21) - 1, String(web.starts))
      assert.ok(
        web.starts.every((start, i) => start > (web.starts[i - 1] ?? 0)),
        String(web.starts),
      )
    }))

  test('a host that is gone does not stop a model that is kept', () =>
    inProfile(async (load) => {
      const { text } = await load()
      web.refuses = (path) => path.startsWith('/models/')
      assert.is((await load()).text, text)
    }))

  test('a file that is not there, and one that is no model, are named', () =>
    inProfile(async (load) => {
      web.refuses = (path) => path.startsWith('/models/')
      const { error, kept } = await load()
      assert.is(error, `${web.url}/models/model-q4.molm.safetensors: the server answers 404 Not Found`)
      assert.equal(kept, [])
    }))
}

test.run()
