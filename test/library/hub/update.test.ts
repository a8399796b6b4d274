import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeModel, findPulled, loadModel, type PullOptions, pullModel, updateModel } from '#molm/index.js'
import type { HubServer, ServedRepository } from '../../support/hub-server.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { QUICK, REPO, withHub } from '../../support/with-hub.js'

const SHARDED = '32-olmoe-bf16-sharded'
const [FIRST, SECOND] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']

/** Updates the only packing of a model. Resolves with what was said about it, too. */
async function update(name = REPO, options: PullOptions = {}) {
  const notes: string[] = []
  const [model] = await findPulled(name)
  const pulled = await updateModel(model, { ...QUICK, onNote: (note) => notes.push(note), ...options })
  return { ...pulled, notes: notes.join('\n') }
}

/** Bytes of the weights that `use` fetches, by the names of the files. */
async function fetched(hub: HubServer, use: () => Promise<unknown>): Promise<Record<string, number>> {
  const names = [FIRST, SECOND]
  const before = names.map((name) => hub.sentOf(name))
  await use()
  return Object.fromEntries(names.map((name, i) => [name, hub.sentOf(name) - before[i]]))
}

/** The packed file of the same commit, pulled into an empty folder. */
async function freshlyPulled(dir: string, options: PullOptions = {}): Promise<Buffer> {
  const home = process.env.MOLM_HOME
  process.env.MOLM_HOME = join(dir, 'fresh')
  const { path } = await pullModel(REPO, { ...QUICK, ...options })
  process.env.MOLM_HOME = home
  return readFile(path)
}

/** A file with the last byte changed, which belongs to the last tensor. */
function changedEnd(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  changed[changed.length - 1] ^= 1
  return changed
}

const sizeOf = ({ files }: ServedRepository, name: string) => files.get(name)?.length ?? 0

test('of a changed model only the parts with tensors in changed files are fetched, to the same bytes', () =>
  withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, SHARDED)
    await pullModel(REPO, QUICK)
    hub.change(repository, { [SECOND]: changedEnd(repository.files.get(SECOND) as Buffer) })
    let result: Awaited<ReturnType<typeof update>> | undefined
    const sent = await fetched(hub, async () => {
      result = await update()
    })
    const { path, commit, notes, wasHere } = result as NonNullable<typeof result>
    assert.equal([commit, wasHere], [repository.commit, false])
    assert.match(notes, /^org\/model: \d+ of \d+ parts are the same as in aaaaaaa/)
    assert.ok(sent[FIRST] < 0.4 * sizeOf(repository, FIRST), `${sent[FIRST]} bytes of the unchanged file`)
    assert.ok(sent[SECOND] > 0.5 * sizeOf(repository, SECOND))
    assert.ok((await readFile(path)).equals(await freshlyPulled(dir)), 'the file of a fresh pull')
    assert.ok((await update()).wasHere)
  }))

test('a change of a small file fetches no weights, and the model has the new file', () =>
  withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, SHARDED)
    const { path } = await pullModel(REPO, QUICK)
    hub.change(repository, { 'generation_config.json': Buffer.from('{"temperature": 0.25}') })
    const sent = await fetched(hub, () => update())
    for (const name of [FIRST, SECOND]) {
      assert.ok(sent[name] < 0.2 * sizeOf(repository, name), `${sent[name]} bytes of ${name}`)
    }
    assert.ok((await readFile(path)).equals(await freshlyPulled(dir)))
    const model = await loadModel(REPO, { threads: 1 })
    assert.is(model.generationDefaults.temperature, 0.25)
    await model.dispose()
  }))

test('if nothing can be kept, an update says why and fetches everything', () =>
  withHub(async (hub) => {
    const repository = await hub.serve(REPO, SHARDED)
    await pullModel(REPO, QUICK)
    const config = JSON.parse(String(repository.files.get('config.json')))
    hub.change(repository, { 'config.json': Buffer.from(JSON.stringify({ ...config, note: 1 })) })
    assert.match((await update()).notes, /all weights are fetched again: config\.json has changed/)
    repository.former.clear()
    repository.commit = 'c'.repeat(40)
    assert.match((await update()).notes, /the hub does not say any more what was in bbbbbbb/)
  }))

test('an update that fails leaves the former model whole, and the next one resumes', () =>
  withHub(async (hub) => {
    const repository = await hub.serve(REPO, SHARDED)
    const { path } = await pullModel(REPO, QUICK)
    const before = await readFile(path)
    hub.change(repository, { [SECOND]: changedEnd(repository.files.get(SECOND) as Buffer) })
    const stop = new AbortController()
    const reason = new Error('no more')
    const stopped = update(REPO, { signal: stop.signal, onProgress: () => stop.abort(reason) })
    assert.is(await thrownBy(stopped), reason)
    assert.ok(before.equals(await readFile(path)))
    assert.match((await update()).notes, /resuming an earlier pull/)
    assert.not(before.equals(await readFile(path)))
  }))

test('a model that is loaded keeps its weights while it is updated', () =>
  withHub(async (hub) => {
    const repository = await hub.serve(REPO, SHARDED)
    await pullModel(REPO, QUICK)
    const logitsOf = async (model: Awaited<ReturnType<typeof loadModel>>) =>
      (await model.createSession().forward([5, 9, 2], { logits: 'all' })).logits
    const whole = await loadModel(REPO, { threads: 1 })
    const expected = await logitsOf(whole)
    await whole.dispose()
    const { leastBytes } = await describeModel(REPO)
    // Experts are read when a token first needs them, after the update.
    const open = await loadModel(REPO, { threads: 1, memory: leastBytes })
    const inverted = Buffer.from(repository.files.get(SECOND) as Buffer)
    for (let i = inverted.length >> 1; i < inverted.length; i += 2) inverted[i + 1] ^= 0x80
    hub.change(repository, { [SECOND]: inverted })
    await update()
    assert.equal(await logitsOf(open), expected)
    await open.dispose()
    const fresh = await loadModel(REPO, { threads: 1 })
    assert.not.equal(await logitsOf(fresh), expected)
    await fresh.dispose()
  }))

test('everything is fetched if the hub answers for the former commit with another', () =>
  withHub(async (hub, dir) => {
    const repository = await hub.serve(REPO, SHARDED)
    const { commit: former } = await pullModel(REPO, QUICK)
    hub.change(repository, { [SECOND]: changedEnd(repository.files.get(SECOND) as Buffer) })
    hub.apiFault = (response, url) => {
      if (!url.endsWith(`/revision/${former}`) && !url.includes(`/revision/${former}?`)) return
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ _id: '1', id: REPO, sha: repository.commit, private: false, gated: false }))
      return true
    }
    const { path, notes } = await update()
    assert.match(notes, /all weights are fetched again: the hub does not say any more what was in aaaaaaa/)
    hub.apiFault = undefined
    assert.ok((await readFile(path)).equals(await freshlyPulled(dir)))
  }))

test('a model follows the branch that was asked for, and stays at a commit', () =>
  withHub(async (hub) => {
    const repository = await hub.serve(REPO, SHARDED)
    await pullModel(REPO, { ...QUICK, revision: 'HEAD' })
    hub.change(repository, { 'README.md': Buffer.from('news') })
    hub.seen.length = 0
    await update()
    assert.ok(hub.seen.some(({ url }) => url.includes('/revision/HEAD')))
    await pullModel(`${REPO}:q8`, { ...QUICK, revision: repository.commit })
    await rejectsWithUserError(() => update(`${REPO}:q8`), /was pulled at commit bbbbbbb and stays there/)
  }))

test.run()
