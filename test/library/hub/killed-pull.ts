import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { type PullOptions, pullModel } from '#molm/index.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import type { HubServer, ServedRepository } from '../../support/hub-server.js'
import { bytesSource } from '../../support/memory-files.js'
import { thrownBy } from '../../support/rejects.js'
import { REPO, TENSOR_BY_TENSOR } from '../../support/with-hub.js'

/** Bytes under way at once: in a model of this size, less than a tensor. */
export const QUICK = { threads: 1, network: { ...TENSOR_BY_TENSOR, connections: 4 } }
export const FIXTURE = '02-base-safetensors-f32'
export const WEIGHTS = 'model.safetensors'

export function startPull(name = `${REPO}:f32`, options: PullOptions = {}): ChildProcess {
  const script = fileURLToPath(new URL('../../support/pull-child.js', import.meta.url))
  return spawn(process.execPath, [script, name, JSON.stringify({ ...QUICK, ...options })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Pulls in a process that is killed after `requests` requests to the storage. Resolves with whether it was. */
export async function killedAfter(hub: HubServer, requests: number, options?: PullOptions): Promise<boolean> {
  const child = startPull(undefined, options)
  let count = 0
  hub.fault = ({ host }) => {
    if (host === 'storage' && ++count === requests) child.kill('SIGKILL')
    return undefined
  }
  const [code, signal] = await once(child, 'exit')
  hub.fault = undefined
  assert.ok(code === 0 || signal === 'SIGKILL', `ended with ${code}`)
  return signal === 'SIGKILL'
}

interface WeightsFacts {
  /** Bytes that an undisturbed pull fetches. */
  needed: number
  /** Bytes that may be fetched twice after an interruption: one tensor, and the header, which every pull needs. */
  mayComeTwice: number
}

export async function factsOf({ files }: ServedRepository): Promise<WeightsFacts> {
  const file = files.get(WEIGHTS) as Buffer
  const { tensors } = await readSafetensors(bytesSource(Uint8Array.from(file)))
  const used = tensors.filter(({ name }) => !/mask|cum_weight/.test(name))
  const sizes = used.map(({ shape }) => 4 * shape.reduce((a, b) => a * b, 1))
  // Its first bytes come in a request of their own, to find the kind of file.
  const header = 8 + 23 + Number(file.readBigUInt64LE(0))
  return { needed: header + sizes.reduce((a, b) => a + b, 0), mayComeTwice: header + Math.max(...sizes) }
}

/** Pulls until most parts are done, then aborts, which gives the reason and frees the lock. */
export async function pullMostOfIt(dir: string): Promise<void> {
  const controller = new AbortController()
  const reason = new Error('enough')
  const onProgress: PullOptions['onProgress'] = ({ done, total }) => done > 0.8 * total && controller.abort(reason)
  assert.is(await thrownBy(pullModel(`${REPO}:f32`, { ...QUICK, onProgress, signal: controller.signal })), reason)
  assert.equal(await readdir(join(dir, 'molm', 'locks')), [])
}
