import { mkdtemp, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { repositoryPath } from '../support/fixtures.js'
import { until } from '../support/until.js'
import { WebServer } from '../support/web-server.js'

interface Loaded {
  text?: string
  error?: string
  warnings: string[]
  progress?: [bytes: number, total: number | null]
  /** Bytes of weights in memory after the answer. */
  weightsBytes?: number
  kept: { address: string; bytes: number; size: number }[]
}

/** Loads a model in a page, writes some words, and reports what the origin keeps. */
const LOAD = `async (file, { waits, stays, removes, room, ...options }) => {
  const molm = await import('/dist/web/index.js')
  if (room) navigator.storage.estimate = async () => ({ quota: room, usage: 0 })
  const warnings = []
  const progress = []
  try {
    const model = await molm.loadModel(file, {
      ...options,
      onWarning: (message) => warnings.push(message),
      onProgress: ({ bytes, total = null }) => progress.push([bytes, total]),
    })
    let text = ''
    const write = async (maxTokens) => {
      for await (const step of model.createSession().generate('Once', { temperature: 0, maxTokens })) text += step.text
    }
    await write(4)
    if (removes) {
      for (const { address } of await molm.keptFiles()) await molm.removeKept(address)
      await write(24)
    }
    const isAll = async () => (await molm.keptFiles()).every(({ bytes, size }) => bytes === size)
    while (waits && !(await isAll())) await new Promise((resolve) => setTimeout(resolve, 100))
    const { weightsBytes } = await model.stats()
    if (!stays) await model.dispose()
    return { text, warnings, progress: progress.at(-1), weightsBytes, kept: await molm.keptFiles() }
  } catch (error) {
    return { error: error.message, warnings, kept: await molm.keptFiles() }
  }
}`

interface Options {
  quant?: 'q4' | 'f32'
  weights?: 'needed'
  /** Whether it waits until all of the file is kept. */
  waits?: boolean
  /** Whether the model is not disposed of. */
  stays?: boolean
  /** Whether it removes the kept files, and then writes more. */
  removes?: boolean
  /** Bytes that the browser has for the site by its own estimate. */
  room?: number
}

const test = suite('files that a page keeps')
const inBrowser = HAS_BROWSER ? test : test.skip
const sizes = { q4: 0, f32: 0 }
let folder: string
let web: WebServer

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-test-'))
  for (const quant of ['q4', 'f32'] as const) {
    const { path } = await convertModel(repositoryPath('models/nano'), join(folder, quant), { quant })
    sizes[quant] = (await stat(path)).size
  }
})

test.before.each(async () => {
  web = await WebServer.start({ dist: repositoryPath('dist'), models: folder })
})

test.after.each(() => web.close())

test.after(async () => {
  await Promise.all([sharedBrowser.release(), rm(folder, { recursive: true, force: true })])
})

const FILE = { q4: 'q4/model-q4.molm.safetensors', f32: 'f32/model-f32.molm.safetensors' }
const TEXT = ', and I will'
/** Of its weights in f32. */
const EXACT_TEXT = ' the same tone'

type Load = (options?: Options) => Promise<Loaded>

/**
 * Runs `use` with a function that loads the model again, in a browser profile that keeps its files, and one that opens
 * another tab to do so.
 */
async function inProfile(
  use: (load: Load, openTab: () => Promise<Load>, page: Page) => Promise<void>,
  host: WebServer = web,
): Promise<void> {
  await visit(await sharedBrowser.get(), {}, async ({ page }) => {
    const loadIn =
      (tab: Page): Load =>
      async ({ quant = 'q4', ...options } = {}) => {
        await tab.goto(host.url)
        const given = `'/models/${FILE[quant]}', ${JSON.stringify(options)}`
        return (await tab.evaluate(`(${LOAD})(${given})`)) as Loaded
      }
    await use(loadIn(page), async () => loadIn(await page.context().newPage()), page)
  })
}

const fetched = () => web.requests.filter((path) => path.startsWith('GET /models/'))
const bytesOf = (ranges: WebServer['ranges']) => ranges.reduce((sum, [start, end]) => sum + end - start, 0)

inBrowser('a second visit fetches no byte of a model, until the host has another version', () =>
  inProfile(async (load) => {
    const size = sizes.q4
    const first = await load()
    assert.equal([first.text, first.warnings, first.progress], [TEXT, [], [size, size]])
    assert.equal(first.kept, [{ address: `${web.url}/models/${FILE.q4}`, bytes: size, size }])
    assert.ok(fetched().length > 1)
    web.requests.length = 0
    assert.is((await load()).text, TEXT)
    assert.equal(fetched(), [])
    await utimes(join(folder, FILE.q4), new Date(), new Date(2020, 1, 1))
    assert.is((await load()).text, TEXT)
    assert.equal(fetched(), [`GET /models/${FILE.q4}`])
  }),
)

inBrowser('a fetch continues after the connection has broken', () =>
  inProfile(async (load) => {
    web.breaksAfter = 2 ** 21
    const { text, progress } = await load()
    assert.equal([text, progress], [TEXT, [sizes.q4, sizes.q4]])
    // A browser may lose the last bytes before a break.
    const starts = web.ranges.map(([start]) => start)
    assert.ok(starts.length >= Math.ceil(sizes.q4 / 2 ** 21) - 1, String(starts))
    assert.ok(
      starts.every((start, i) => start > (starts[i - 1] ?? 0)),
      String(starts),
    )
  }),
)

inBrowser('a host that is gone does not stop a model that is kept', () =>
  inProfile(async (load) => {
    const { text } = await load()
    web.refuses = (path) => path.startsWith('/models/')
    assert.is((await load()).text, text)
  }),
)

inBrowser('a file that is not there, and one that is no model, are named', () =>
  inProfile(async (load) => {
    web.refuses = (path) => path.startsWith('/models/')
    const { error, kept } = await load()
    assert.is(error, `${web.url}/models/${FILE.q4}: the server answers 404 Not Found`)
    assert.equal(kept, [])
  }),
)

inBrowser('a model answers before its experts have come, which a next visit has', () =>
  inProfile(async (load) => {
    const size = sizes.f32
    const { text, progress, warnings, kept } = await load({ quant: 'f32', waits: true })
    assert.equal([text, warnings, kept[0].bytes], [EXACT_TEXT, [], size])
    const [done, total] = progress ?? [0, 0]
    assert.is(done, total)
    assert.ok(done < size / 4, `${done} of ${size}`)
    // Nothing but its table of contents is fetched twice.
    assert.ok(bytesOf(web.ranges) < 1.01 * size, `${bytesOf(web.ranges)} of ${size}`)
    web.requests.length = 0
    web.refuses = (path) => path.startsWith('/models/')
    assert.is((await load({ quant: 'f32' })).text, EXACT_TEXT)
    assert.equal(fetched(), [])
  }),
)

inBrowser(
  'only the experts that tokens need are fetched, on the one thread of a page that is not isolated',
  async () => {
    const plain = await WebServer.start({ dist: repositoryPath('dist'), models: folder }, false)
    try {
      await inProfile(async (load) => {
        const first = await load({ weights: 'needed' })
        assert.equal([first.text, first.warnings], [TEXT, []])
        const { weightsBytes = 0 } = first
        assert.ok(weightsBytes < 0.9 * sizes.q4, `${weightsBytes} of ${sizes.q4}`)
        assert.ok(bytesOf(plain.ranges) < 1.02 * weightsBytes + 1e5, `${bytesOf(plain.ranges)} for ${weightsBytes}`)
        plain.ranges.length = 0
        assert.is((await load({ weights: 'needed' })).text, TEXT)
        assert.ok(bytesOf(plain.ranges) < 0.1 * weightsBytes, `${bytesOf(plain.ranges)} again of ${weightsBytes}`)
      }, plain)
    } finally {
      await plain.close()
    }
  },
)

inBrowser('a host that answers no HEAD sends a model, which is not kept', () =>
  inProfile(async (load) => {
    web.refuses = (path, method) => method === 'HEAD' && path.startsWith('/models/')
    const { text, progress, kept } = await load()
    assert.equal([text, progress, kept], [TEXT, [sizes.q4, null], []])
  }),
)

inBrowser('two tabs load a model at once, and each has what the other has fetched before', () =>
  inProfile(async (load, openTab) => {
    web.pauseMs = 30
    const first = await load({ quant: 'f32', stays: true })
    assert.is(first.text, EXACT_TEXT)
    assert.ok(first.kept[0].bytes < sizes.f32, 'all had come before the other tab was open')
    const second = await (await openTab())({ quant: 'f32', waits: true })
    assert.equal([second.text, second.warnings], [EXACT_TEXT, []])
    // Without the pieces of the other tab it would be twice the file.
    assert.ok(bytesOf(web.ranges) < 1.9 * sizes.f32, `${bytesOf(web.ranges)} of ${sizes.f32}`)
  }),
)

inBrowser('what has come before a tab is closed is there for the next', () =>
  inProfile(async (load, _openTab, page) => {
    web.pauseMs = 100
    const closed = await page.context().newPage()
    await closed.goto(web.url)
    const options = { waits: true }
    closed.evaluate(`(${LOAD})('/models/${FILE.f32}', ${JSON.stringify(options)})`).catch(() => undefined)
    await page.goto(web.url)
    const keptBytes = `import('/dist/web/index.js').then((molm) => molm.keptFiles()).then(([file]) => file?.bytes ?? 0)`
    await until(async () => Number(await page.evaluate(keptBytes)) > sizes.f32 / 3, 'a third is kept', 20)
    await closed.close()
    web.pauseMs = 0
    assert.is((await load({ quant: 'f32', ...options })).text, EXACT_TEXT)
    assert.ok(bytesOf(web.ranges) < 1.2 * sizes.f32, `${bytesOf(web.ranges)} of ${sizes.f32}`)
  }),
)

inBrowser('a model whose files are removed fetches them again', () =>
  inProfile(async (load) => {
    await load()
    web.requests.length = 0
    const { text = '', kept } = await load({ weights: 'needed', removes: true })
    assert.match(text, new RegExp(`^${TEXT}${TEXT}.`))
    assert.ok(fetched().length > 0)
    assert.equal(kept, [])
    // While its experts still come.
    web.pauseMs = 30
    const coming = await load({ quant: 'f32', removes: true })
    assert.ok(coming.text?.startsWith(`${EXACT_TEXT}${EXACT_TEXT}`), JSON.stringify(coming))
    assert.equal(coming.kept, [])
  }),
)

inBrowser('a browser without room for a model says so, and runs it', () =>
  inProfile(async (load, _openTab, page) => {
    const browser = await page.context().newCDPSession(page)
    await browser.send('Storage.overrideQuotaForOrigin', { origin: web.url, quotaSize: 1e6 })
    const address = `${web.url}/models/${FILE.q4}`
    const full = await load()
    assert.equal([full.text, full.warnings.length], [TEXT, 1])
    assert.ok(full.warnings[0].startsWith(`${address} is not kept: `), full.warnings[0])
    const { text, warnings } = await load({ room: 1e6 })
    const needs = 'it needs 7.78 MB, and the browser has 1.00 MB for this site'
    assert.equal([text, warnings], [TEXT, [`${address} is not kept: ${needs}`]])
  }),
)

inBrowser('a host without ranges sends all of a large model first', () =>
  inProfile(async (load) => {
    web.hasRanges = false
    const { text, progress } = await load({ quant: 'f32' })
    assert.equal([text, progress], [EXACT_TEXT, [sizes.f32, sizes.f32]])
  }),
)

test.run()
