import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, listModels, type PullPlan, type PullProgress, pullModel, type Quant } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { type HubServer, sendBeginning } from '../../support/hub-server.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { QUICK, withHub } from '../../support/with-hub.js'

const REPO = 'org/packed'
const FIXTURE = '05-linear-silu-safetensors-f32'

const packed = new Map<string, Promise<Map<string, Buffer>>>()

/** Files of a packed model of a fixture. */
function packedFiles(quant: Quant, fixture = FIXTURE): Promise<Map<string, Buffer>> {
  const key = `${fixture} ${quant}`
  const files = packed.get(key) ?? inTemporaryFolder((dir) => pack(dir, quant, fixture))
  packed.set(key, files)
  return files
}

async function pack(folder: string, quant: Quant, fixture: string): Promise<Map<string, Buffer>> {
  await convertModel(fixturePath(fixture), folder, { quant, threads: 1 })
  const files = new Map<string, Buffer>()
  for (const name of (await readdir(folder)).sort()) files.set(name, await readFile(join(folder, name)))
  return files
}

/** Serves a repository with a packed model of a fixture. */
async function serve(hub: HubServer, quant: Quant) {
  return hub.serveFiles(REPO, new Map(await packedFiles(quant)))
}

test('a packed model is fetched as it is, with the files beside it', async () => {
  await withHub(async (hub) => {
    const { files, commit } = await serve(hub, 'f32')
    const plans: PullPlan[] = []
    const steps: PullProgress[] = []
    const { path, bytes, ...about } = await pullModel(`${REPO}:f32`, {
      ...QUICK,
      onPlan: (plan) => plans.push(plan),
      onProgress: (step) => steps.push(step),
    })
    assert.equal(about, { repo: REPO, commit, quant: 'f32', wasHere: false, warnings: [] })
    const served = files.get('model-f32.molm.safetensors')
    assert.is(bytes, served?.length)
    assert.ok((await readFile(path)).equals(served as Buffer))
    assert.equal((await readdir(dirname(path))).sort(), [...files.keys()].sort())
    assert.is(plans[0].fetchBytes, bytes)
    assert.equal([...new Set(steps.map(({ phase }) => phase))], ['fetch', 'verify'])
    assert.is(steps.at(-1)?.total, bytes)
    assert.equal((await listModels()).map(({ name, state }) => `${name} ${state}`)[0], `${REPO} whole`)
  })
})

test('a second pull compares the tables of contents, and fetches another commit’s weights', async () => {
  await withHub(async (hub) => {
    const repository = await serve(hub, 'q4')
    await pullModel(REPO, QUICK)
    const sent = hub.sentOf('model-q4.molm.safetensors')
    repository.commit = 'b'.repeat(40)
    assert.ok((await pullModel(REPO, QUICK)).wasHere, 'the file is the same')
    assert.ok(hub.sentOf('model-q4.molm.safetensors') - sent < 64 * 1024)
    const others = await packedFiles('q4', '31-olmoe-f32')
    for (const [name, bytes] of others) repository.files.set(name, bytes)
    assert.not((await pullModel(REPO, QUICK)).wasHere)
  })
})

test('a packing that is not there is refused, with the names of the others', async () => {
  await withHub(async (hub) => {
    await serve(hub, 'q8')
    assert.is((await pullModel(REPO, QUICK)).quant, 'q8', 'the only one, since none is asked for')
    await rejectsWithUserError(
      () => pullModel(`${REPO}:f32`, QUICK),
      /^org\/packed: is not there as f32; it is packed as q8: `molm pull org\/packed:q8`$/,
    )
  })
})

test('an interrupted fetch resumes at the first missing byte', async () => {
  await withHub(async (hub) => {
    const { files } = await serve(hub, 'f32')
    const name = 'model-f32.molm.safetensors'
    const half = (files.get(name)?.length ?? 0) >> 1
    const limits = { retryDelaysMs: [], idleMs: 20000 }
    hub.fault = ({ file, start, end }, response, bytes) => {
      if (file !== name || end - start < half) return undefined
      return sendBeginning(response, bytes, half)
    }
    await rejectsWithUserError(() => pullModel(`${REPO}:f32`, { threads: 1, network: limits }), /connection/)
    hub.fault = undefined
    const before = hub.sentOf(name)
    const notes: string[] = []
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, onNote: (note) => notes.push(note) })
    assert.ok((await readFile(path)).equals(files.get(name) as Buffer))
    assert.ok(hub.sentOf(name) - before < half + 200_000, 'the first half came once')
    assert.equal(notes, [`${REPO}: resuming an earlier pull`])
    assert.not(existsSync(join(dirname(path), '.molm.partial')))
  })
})

test('a part that does not match its checksum is refused, and nothing of it stays', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await serve(hub, 'f32')
    const damaged = Buffer.from(files.get('model-f32.molm.safetensors') as Buffer)
    damaged[damaged.length - 5000] ^= 1
    files.set('model-f32.molm.safetensors', damaged)
    await rejectsWithUserError(() => pullModel(`${REPO}:f32`, QUICK), /does not match its checksum/)
    assert.not(existsSync(join(dir, 'molm', 'models', 'org', 'packed')))
  })
})

test('a config.json that the model was not packed with is refused before the weights are fetched', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await serve(hub, 'f32')
    files.set('config.json', Buffer.concat([files.get('config.json') as Buffer, Buffer.from('\n')]))
    await rejectsWithUserError(
      () => pullModel(`${REPO}:f32`, QUICK),
      /config\.json in the repository is not the file that the model was packed with/,
    )
    assert.ok(hub.sentOf('model-f32.molm.safetensors') < 64 * 1024)
    assert.not(existsSync(join(dir, 'molm', 'models', 'org', 'packed')))
  })
})

test.run()
