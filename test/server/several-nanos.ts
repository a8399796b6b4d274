import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type Test } from 'uvu'
import { convertModel, loadModel } from '#molm/index.js'
import { outlineModel } from '#molm/library/describe-model.js'
import { type Listening, type ListenOptions, listen } from '#molm/server/listen.js'
import type { ModelSource } from '#molm/server/models/source.js'
import { repositoryPath } from '../support/fixtures.js'
import { get, post } from './served.js'

interface Context {
  /** Folder of three packed models, a to c, which are the same. */
  dir: string
  /** Servers that end with a test. */
  open: Listening[]
}

/** A suite on servers of nano under several names. */
export function severalNanosSuite(name: string): Test<Context> {
  const test = suite<Context>(name, { dir: '', open: [] })
  test.before(async (context) => {
    context.dir = await mkdtemp(join(tmpdir(), 'molm-test-'))
    await convertModel(repositoryPath('models/nano'), join(context.dir, 'a'), { threads: 1 })
    for (const name of ['b', 'c']) await cp(join(context.dir, 'a'), join(context.dir, name), { recursive: true })
  })
  test.after.each(({ open }) => closeAll(open))
  test.after(({ dir }) => rm(dir, { recursive: true }))
  return test
}

export async function closeAll(open: Listening[]): Promise<void> {
  for (const server of open.splice(0)) await server.close()
}

async function source(path: string, alias?: string): Promise<ModelSource> {
  const load: ModelSource['load'] = async ({ memory, signal }) => {
    return { model: await loadModel(path, { threads: 1, memory, signal }) }
  }
  return { alias, outline: await outlineModel(path), load }
}

/** Starts a server of the packed models in a folder; returns its address. */
export async function serve(
  { dir, open }: Context,
  names: string[],
  options: Partial<ListenOptions> = {},
): Promise<string> {
  const server = await listen({ port: 0, ...options })
  open.push(server)
  await server.load(await Promise.all(names.map((name) => source(join(dir, name)))))
  return server.url
}

export const PROMPT = { prompt: 'The lantern', max_tokens: 6, temperature: 0, prompt_lookup_num_tokens: 0 }

/** Memory for one nano. */
export const ONE = { weightsBytes: 10e6 }

export const complete = (url: string, fields: object = {}) => post(url, '/v1/completions', { ...PROMPT, ...fields })
export const states = async (url: string) => (await get(url, '/health')).body.models
