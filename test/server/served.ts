import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import type { Test } from 'uvu'
import { loadModel, type Model } from '#molm/index.js'
import type { Limits } from '#molm/server/common/limits.js'
import { type Listening, type ListenOptions, listen } from '#molm/server/listen.js'
import { ForWorker } from '../support/for-worker.js'
import { type ParrotOptions, writeParrot } from '../support/parrot-model.js'

export { until } from '../support/until.js'

/** A server of a model on a free local port, for the tests of one file. */
export interface Served {
  url: string
  model: Model
  server: Listening
  /** The official client of OpenAI's API. */
  client: OpenAI
  close(): Promise<void>
}

type Options = Partial<ListenOptions> & { limits?: Partial<Limits> }

/** A server of nano without options, for all files of a worker process. */
export const sharedNano = new ForWorker(
  () => serveNano(),
  (served) => served.close(),
)

/** A server with options, of the nano that all files of a worker process share. */
export async function serveSharedNano(options: Options): Promise<Served> {
  const { model } = await sharedNano.get()
  const served = await serveNano(options, model)
  return { ...served, close: () => served.close().finally(() => sharedNano.release()) }
}

/** The server of all tests in a suite, from its first test to its last. */
export function serverFor<T>(test: Test<T>, from: ForWorker<Served> | (() => Promise<Served>)): Served {
  const served = {} as Served
  const isShared = from instanceof ForWorker
  test.before(async () => {
    Object.assign(served, await (isShared ? from.get() : from()))
  })
  test.after(() => (isShared ? from.release() : served.close?.()))
  return served
}

/** Runs `use` with another server of nano. */
export async function withNano(options: Options, model: Model, use: (own: Served) => Promise<void>): Promise<void> {
  const own = await serveNano(options, model)
  try {
    await use(own)
  } finally {
    await own.close()
  }
}

/** `model`: nano, if a server has it already. */
export function serveNano(options: Options = {}, model?: Model): Promise<Served> {
  return serve('nano', options, model)
}

/** A server of a parrot; the folder of its checkpoint is removed when the server closes. */
export async function serveParrot(parrot: ParrotOptions, options: Options = {}): Promise<Served> {
  const dir = await mkdtemp(join(tmpdir(), 'molm-test-'))
  const remove = () => rm(dir, { recursive: true, force: true })
  try {
    const served = await serve(await writeParrot(join(dir, 'parrot'), parrot), options)
    return { ...served, close: () => served.close().finally(remove) }
  } catch (error) {
    await remove()
    throw error
  }
}

async function serve(path: string, options: Options, given?: Model): Promise<Served> {
  const server = await listen({ port: 0, onError: failLoudly, ...options })
  const model = given ?? (await loadModel(path, { threads: 2 }))
  server.open(model)
  return {
    url: server.url,
    model,
    server,
    client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: options.apiKey ?? 'none', maxRetries: 0 }),
    async close() {
      await server.close()
      if (!given) await model.dispose()
    },
  }
}

/** Makes the test file fail at an unexpected error of the server. */
function failLoudly(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}

/** Response of a path. */
export interface Answered {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests read fields of any response
  body: any
}

export async function post(url: string, path: string, body: unknown, headers = {}): Promise<Answered> {
  return answered(await send(url, path, body, { headers }))
}

/** Sends a request; resolves with the head of its response. */
export function send(
  url: string,
  path: string,
  body: unknown,
  { headers, signal }: { headers?: object; signal?: AbortSignal } = {},
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const all = { 'Content-Type': 'application/json', ...headers }
  return fetch(`${url}${path}`, { method: 'POST', headers: all, body: text, signal })
}

/** Objects of a stream of server-sent events, without its end. */
// biome-ignore lint/suspicious/noExplicitAny: tests read fields of any event
export function eventsIn(stream: string): any[] {
  return [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json))
}

export async function get(url: string, path: string, headers = {}): Promise<Answered> {
  return answered(await fetch(`${url}${path}`, { headers }))
}

async function answered(response: Response): Promise<Answered> {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}
