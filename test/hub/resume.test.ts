import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSafetensors } from '#molm/checkpoint/safetensors.js'
import { type PullOptions, pullModel } from '#molm/index.js'
import { givesExpectedLogits } from '../support/expected-logits.js'
import type { HubServer, ServedRepository } from '../support/hub-server.js'
import { bytesSource } from '../support/memory-files.js'
import { until } from '../support/until.js'
import { IMPATIENT, withHub } from '../support/with-hub.js'

/** Bytes under way at once: in a model of this size, less than a tensor. */
const QUICK = { threads: 1, network: { ...IMPATIENT, connections: 4 } }
const REPO = 'org/model'
const FIXTURE = '02-base-safetensors-f32'
const WEIGHTS = 'model.safetensors'

function startPull(name = `${REPO}:f32`, options: PullOptions = {}): ChildProcess {
  const script = fileURLToPath(new URL('../support/pull-child.js', import.meta.url))
  return spawn(process.execPath, [script, name, JSON.stringify({ ...QUICK, ...options })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Pulls in a process that is killed after `requests` requests to the storage. Resolves with whether it was. */
async function killedAfter(hub: HubServer, requests: number, options?: PullOptions): Promise<boolean> {
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

async function factsOf({ files }: ServedRepository): Promise<WeightsFacts> {
  const file = files.get(WEIGHTS) as Buffer
  const { tensors } = await readSafetensors(bytesSource(Uint8Array.from(file)))
  const used = tensors.filter(({ name }) => !/mask|cum_weight/.test(name))
  const sizes = used.map(({ shape }) => 4 * shape.reduce((a, b) => a * b, 1))
  // Its first bytes come in a request of their own, to find the kind of file.
  const header = 8 + 23 + Number(file.readBigUInt64LE(0))
  return { needed: header + sizes.reduce((a, b) => a + b, 0), mayComeTwice: header + Math.max(...sizes) }
}

function stagingOf(dir: string): string {
  return join(dir, 'molm', 'models', 'org', 'model', '.molm.partial')
}

/** Pulls until most parts are done, then aborts. */
async function pullMostOfIt(): Promise<void> {
  const controller = new AbortController()
  const reason = new Error('enough')
  const onProgress: PullOptions['onProgress'] = ({ done, total }) => done > 0.8 * total && controller.abort(reason)
  try {
    await pullModel(`${REPO}:f32`, { ...QUICK, onProgress, signal: controller.signal })
    assert.unreachable('finished')
  } catch (error) {
    assert.is(error, reason)
  }
}

test('killed at any point, a pull resumes later, and fetches at most one tensor twice', async () => {
  for (const requests of [1, 7, 25, 45, 95]) {
    await withHub(async (hub, dir) => {
      const repository = await hub.serve(REPO, FIXTURE)
      assert.ok(await killedAfter(hub, requests), `was not killed at request ${requests}`)
      const left = await readdir(join(dir, 'molm', 'models', 'org', 'model')).catch(() => [])
      assert.ok(
        left.every((name) => name === '.molm.partial'),
        left.join(' '),
      )
      const notes: string[] = []
      await pullModel(`${REPO}:f32`, { ...QUICK, onNote: (note) => notes.push(note) })
      if (requests > 40) assert.match(notes.join('\n'), /resuming an earlier pull, \d+ of \d+ parts are done/)
      const { needed, mayComeTwice } = await factsOf(repository)
      const twice = hub.sentOf(WEIGHTS) - needed
      assert.ok(twice <= mayComeTwice, `${twice} bytes were fetched twice, killed at ${requests}`)
      await givesExpectedLogits(REPO, FIXTURE)
    })
  }
})

test('killed again and again, it still finishes', async () => {
  await withHub(async (hub) => {
    const repository = await hub.serve(REPO, FIXTURE)
    let goes = 1
    while (await killedAfter(hub, 40)) goes++
    assert.ok(goes > 2, `only ${goes} attempts`)
    const { needed, mayComeTwice } = await factsOf(repository)
    const twice = hub.sentOf(WEIGHTS) - needed
    assert.ok(twice <= (goes - 1) * mayComeTwice, `${twice} bytes were fetched twice in ${goes} attempts`)
    await givesExpectedLogits(REPO, FIXTURE)
  })
})

/** Bytes of the largest file in a folder. */
async function largestIn(dir: string): Promise<number> {
  const names = await readdir(dir, { recursive: true })
  const sizes = names.map((name) =>
    stat(join(dir, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return Math.max(...(await Promise.all(sizes)))
}

test('killed while it fetches whole files to keep, it appends to them', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, FIXTURE)
    const child = startPull(undefined, { keep: true })
    hub.fault = ({ file, headers }, response, bytes) => {
      if (file !== WEIGHTS || headers.range) return undefined
      response.setHeader('content-length', bytes.length)
      response.write(bytes.subarray(0, 1_500_000))
      void until(async () => (await largestIn(dir)) > 1_000_000).then(() => child.kill('SIGKILL'))
      return true
    }
    await once(child, 'exit')
    hub.fault = undefined
    const before = hub.seen.length
    await pullModel(`${REPO}:f32`, { ...QUICK, keep: true })
    const size = repository.files.get(WEIGHTS)?.length ?? 0
    const rest = hub.seen.slice(before).find(({ file, start }) => file === WEIGHTS && start > 1_000_000)
    assert.is(rest?.end, size)
    await givesExpectedLogits(REPO, FIXTURE)
  })
})

test('killed while it verifies, it keeps the packed parts', async () => {
  await withHub(async (hub) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    const child = startPull(undefined, { verify: true })
    hub.fault = ({ file, headers }) => {
      if (file === WEIGHTS && !headers.range) child.kill('SIGKILL')
      return undefined
    }
    await once(child, 'exit')
    hub.fault = undefined
    const before = hub.sentOf(WEIGHTS)
    await pullModel(`${REPO}:f32`, { ...QUICK, verify: true })
    const size = files.get(WEIGHTS)?.length ?? 0
    assert.ok(hub.sentOf(WEIGHTS) - before < size + 20_000, 'only the header and the whole file, for verification')
    await givesExpectedLogits(REPO, FIXTURE)
  })
})

test('a part that a power cut has damaged, and a cut line of the journal, are done again', async () => {
  await withHub(async (hub, dir) => {
    await hub.serve(REPO, FIXTURE)
    await pullMostOfIt()
    const partial = join(stagingOf(dir), 'model-f32.molm.safetensors.partial')
    const bytes = await readFile(partial)
    bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 4096)
    await writeFile(partial, bytes)
    const journal = join(stagingOf(dir), 'model-f32.molm.safetensors.journal')
    await writeFile(journal, (await readFile(journal, 'utf8')).slice(0, -20))
    await pullModel(`${REPO}:f32`, QUICK)
    await givesExpectedLogits(REPO, FIXTURE)
  })
})

test('a process that ends between the last byte and the final name loses nothing', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    await pullMostOfIt()
    const path = join(stagingOf(dir), 'model-f32.molm.safetensors')
    await rename(`${path}.partial`, path)
    const before = hub.sentOf(WEIGHTS)
    await pullModel(`${REPO}:f32`, QUICK)
    assert.ok(hub.sentOf(WEIGHTS) - before < 0.3 * (files.get(WEIGHTS)?.length ?? 0))
    await givesExpectedLogits(REPO, FIXTURE)
  })
})

test('a newer commit or another packing starts again, and says so', async () => {
  await withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, FIXTURE)
    await pullMostOfIt()
    repository.commit = 'b'.repeat(40)
    const notes: string[] = []
    const before = hub.sentOf(WEIGHTS)
    const { commit } = await pullModel(`${REPO}:f32`, { ...QUICK, onNote: (note) => notes.push(note) })
    assert.is(commit, repository.commit)
    assert.match(notes.join('\n'), /earlier pull was of commit aaaaaaa, not bbbbbbb; starting again/)
    assert.ok(hub.sentOf(WEIGHTS) - before >= (await factsOf(repository)).needed)
    await pullModel(`${REPO}:q8`, QUICK)
    assert.equal((await readdir(join(dir, 'molm', 'models', 'org', 'model'))).sort(), [
      'config.json',
      'model-f32.molm.safetensors',
      'model-q8.molm.safetensors',
    ])
  })
})

test.run()
