import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as molm from '#molm/index.js'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { HAS_FIREFOX, reportOfFirefox } from '../support/firefox.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { WebServer } from '../support/web-server.js'

/** Nano and eight checkpoints: each kind of mixer, cache, router and format. */
const MODELS: Record<string, 'f32' | 'q4' | 'q8'> = {
  nano: 'q4',
  '01-base-bin-f32': 'q8',
  '31-olmoe-f32': 'f32',
  '81-lfm2moe-f32': 'q4',
  '91-granitehybrid-f32': 'q4',
  '121-deepseekv3-f32': 'q4',
  '166-qwen3next-f32': 'q4',
  '171-gemma4-f32': 'q4',
  '206-zaya-f32': 'f32',
}

/** The library of Node and of pages, as far as both have it. */
type Library = Pick<typeof molm, 'loadModel' | 'parseMask'>

/** What a model computes, in a form that JSON keeps to the bit. It runs in Node and, as text, in a page. */
async function answersOf({ loadModel, parseMask }: Library, source: string) {
  const model = await loadModel(source)
  const { vocabSize, mixtures } = model.config
  const layer = mixtures.find(({ kind }) => kind === 'mlp')?.experts.findIndex((count) => count > 0)
  const prompt = Array.from({ length: 70 }, (_, i) => (i * 131 + 7) % vocabSize)
  const written = async (options: molm.GenerateOptions, mask?: string) => {
    const session = model.createSession(mask === undefined ? {} : { mask: parseMask([mask], model.config) })
    const steps: [token: number, logprob: number][] = []
    for await (const { token, logprob } of session.generate(prompt, { maxTokens: 12, ...options })) {
      steps.push([token, logprob])
    }
    return steps
  }
  const { logits, routes } = await model.createSession().forward(prompt, { routes: true })
  const answers = {
    logits: Array.from(logits),
    experts: routes.map((layer) => JSON.stringify(layer)),
    greedy: await written({ temperature: 0, promptLookupNumTokens: 4 }),
    seeded: await written({ temperature: 1, seed: 5 }),
    masked: await written({ temperature: 0 }, `${layer}:mlp:1`),
  }
  await model.dispose()
  return answers
}

type Answers = Awaited<ReturnType<typeof answersOf>>

/** The body of a page's module that ends with all answers there. */
const IN_PAGE = `
  const molm = await import('/dist/web/index.js')
  const answersOf = ${answersOf}
  const all = {}
  for (const [name, quant] of Object.entries(${JSON.stringify(MODELS)})) {
    all[name] = await answersOf(molm, '/models/' + name + '/model-' + quant + '.molm.safetensors')
  }
  const report = { all, isIsolated: crossOriginIsolated, threads: molm.threadsHere() }`

interface Report {
  all: Record<string, Answers>
  isIsolated: boolean
  threads: number
}

const test = suite('the same bits in a page')
const wanted: Record<string, Answers> = {}
let folder: string
let isolated: WebServer
let plain: WebServer

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-test-'))
  const folders = { dist: repositoryPath('dist'), models: folder }
  isolated = await WebServer.start(folders)
  plain = await WebServer.start(folders, false)
  for (const [name, quant] of Object.entries(MODELS)) {
    const source = name === 'nano' ? repositoryPath('models/nano') : fixturePath(name)
    await molm.convertModel(source, join(folder, name), { quant })
    wanted[name] = JSON.parse(JSON.stringify(await answersOf(molm, join(folder, name))))
  }
})

test.after(async () => {
  await Promise.all([isolated.close(), plain.close(), sharedBrowser.release()])
  await rm(folder, { recursive: true, force: true })
})

async function inChromium(web: WebServer): Promise<Report> {
  let report: Report | undefined
  await visit(await sharedBrowser.get(), {}, async ({ page }) => {
    await page.goto(web.url)
    report = await page.evaluate(`(async () => { ${IN_PAGE}; return report })()`)
  })
  return report as Report
}

async function inFirefox(web: WebServer): Promise<Report> {
  return (await reportOfFirefox(web, `${IN_PAGE}; await send({ value: report })`)) as Report
}

function hasTheSameBits({ all, isIsolated, threads }: Report, shares: boolean): void {
  assert.is(isIsolated, shares)
  if (!shares) assert.is(threads, 1)
  for (const [name, answers] of Object.entries(wanted)) assert.equal(all[name], answers, name)
}

if (HAS_BROWSER) {
  test('an isolated page of Chromium computes as Node does, on all its threads', async () => {
    hasTheSameBits(await inChromium(isolated), true)
  })

  test('any other page of Chromium computes the same on one thread', async () => {
    hasTheSameBits(await inChromium(plain), false)
  })
}

if (HAS_FIREFOX) {
  test('Firefox computes the same in an isolated page', async () => {
    hasTheSameBits(await inFirefox(isolated), true)
  })

  test('Firefox computes the same in any other page', async () => {
    hasTheSameBits(await inFirefox(plain), false)
  })
}

test.run()
