import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as molm from '#molm/index.js'
import { fixturePath, repositoryPath } from './fixtures.js'
import { WebServer } from './web-server.js'

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

/** Results of a model, in a form that JSON keeps to the bit. The function runs in Node and, as text, in a page. */
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
    // The other checkpoints have no words.
    ...(source.includes('nano') && {
      forms: [
        await written({ temperature: 0, regex: '(yes|no), it is [a-z]+\\.' }),
        await written({
          temperature: 0,
          maxTokens: 40,
          schema: { type: 'object', properties: { n: { type: 'integer' } } },
        }),
      ],
    }),
  }
  await model.dispose()
  return answers
}

type Answers = Awaited<ReturnType<typeof answersOf>>

/** Models of a page that costs much to start. */
export const FEW = ['nano', '91-granitehybrid-f32', '121-deepseekv3-f32']

/** The body of a page's module that ends with the answers of some models there. Default: all. */
export function inPage(names: readonly string[] = Object.keys(MODELS)): string {
  const files = names.map((name) => [name, `/models/${name}/model-${MODELS[name]}.molm.safetensors`])
  return `
  const molm = await import('/dist/web/index.js')
  const answersOf = ${answersOf}
  const all = {}
  for (const [name, file] of ${JSON.stringify(files)}) all[name] = await answersOf(molm, file)
  const report = { all, isIsolated: crossOriginIsolated, threads: molm.threadsHere() }`
}

export interface Report {
  all: Record<string, Answers>
  isIsolated: boolean
  threads: number
}

/** Packed models on two hosts, and what they compute in Node. */
export class PagesAndNode {
  private constructor(
    private readonly folder: string,
    private readonly wanted: Readonly<Record<string, Answers>>,
    /** A host whose pages are isolated by its headers. */
    readonly isolated: WebServer,
    readonly plain: WebServer,
  ) {}

  /** `names`: the models. Default: all. */
  static async start(names: readonly string[] = Object.keys(MODELS)): Promise<PagesAndNode> {
    const folder = await mkdtemp(join(tmpdir(), 'molm-test-'))
    const wanted: Record<string, Answers> = {}
    for (const name of names) {
      const quant = MODELS[name]
      const source = name === 'nano' ? repositoryPath('models/nano') : fixturePath(name)
      await molm.convertModel(source, join(folder, name), { quant })
      wanted[name] = JSON.parse(JSON.stringify(await answersOf(molm, join(folder, name))))
    }
    const folders = { dist: repositoryPath('dist'), models: folder }
    const [isolated, plain] = await Promise.all([WebServer.start(folders), WebServer.start(folders, false)])
    return new PagesAndNode(folder, wanted, isolated, plain)
  }

  /** Checks what a page reports. `shares`: whether its threads share memory. */
  check({ all, isIsolated, threads }: Report, shares: boolean): void {
    assert.is(isIsolated, shares)
    if (!shares) assert.is(threads, 1)
    assert.ok(Object.keys(all).length > 0)
    for (const [name, answers] of Object.entries(all)) assert.equal(answers, this.wanted[name], name)
  }

  async close(): Promise<void> {
    await Promise.all([this.isolated.close(), this.plain.close(), rm(this.folder, { recursive: true, force: true })])
  }
}
