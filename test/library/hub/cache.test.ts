import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type PullPlan, pullModel } from '#molm/index.js'
import { each } from '../../support/each.js'
import { fixturePath } from '../../support/fixtures.js'
import { sendBeginning, sendFlipped } from '../../support/hub-server.js'
import { hasPartsOf } from '../../support/packed-parts.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { QUICK, REPO, withHub } from '../../support/with-hub.js'

const SHARDED = '04-bin-f16-sharded'
const ONE_FILE = '02-base-safetensors-f32'

test('--keep stores files as the hub’s own library does; they are packed offline, and only a lost one is fetched', async () => {
  await withHub(async (hub, dir) => {
    const { files, commit } = await hub.serve(REPO, SHARDED)
    files.set('tokenizer.json', Buffer.from('{}'))
    files.set('LICENSE', Buffer.from('free'))
    files.set('LICENSE-\x1b[2J', Buffer.from('odd'))
    const { warnings } = await pullModel(REPO, { ...QUICK, keep: true })
    assert.match(warnings.join(), /^left out files whose names are too long .*: LICENSE-\\x1b\[2J$/)
    const folder = join(dir, 'hf', 'hub', 'models--org--model')
    assert.equal((await readdir(folder)).sort(), ['blobs', 'refs', 'snapshots'])
    assert.is(await readFile(join(folder, 'refs', 'main'), 'utf8'), commit)
    const snapshot = join(folder, 'snapshots', commit)
    const names = [...files.keys()].filter((name) => !name.includes('expected') && !name.includes('\x1b'))
    assert.equal((await readdir(snapshot)).sort(), names.sort())
    for (const name of names) {
      assert.ok((await lstat(join(snapshot, name))).isSymbolicLink())
      assert.match(await readlink(join(snapshot, name)), /^\.\.\/\.\.\/blobs\/[0-9a-f]{40,64}$/)
      assert.ok((await readFile(join(snapshot, name))).equals(files.get(name) as Buffer), name)
      if (name.endsWith('.bin')) assert.is(hub.sentOf(name), (files.get(name)?.length ?? 0) + headerOf(hub, name))
    }
    assert.is((await readdir(join(folder, 'blobs'))).length, names.length)

    const asked = hub.seen.length
    const plans: PullPlan[] = []
    const model = await pullModel(`${REPO}:f32`, { ...QUICK, verify: true, onPlan: (plan) => plans.push(plan) })
    assert.is(hub.seen.length, asked)
    assert.equal([plans[0].way, plans[0].fetchBytes, model.commit], ['cache', 0, commit])
    await hasPartsOf(model.path, SHARDED)
    assert.ok((await pullModel(`${REPO}:f32`, QUICK)).wasHere)

    const lost = join(snapshot, 'pytorch_model-00002-of-00003.bin')
    await rm(await realpath(lost))
    await rm(lost)
    const before = hub.seen.length
    await pullModel(`${REPO}:q8`, { ...QUICK, keep: true })
    const whole = hub.seen.slice(before).filter(({ host, headers }) => host === 'storage' && !headers.range)
    assert.equal(each(whole, 'file'), ['pytorch_model-00002-of-00003.bin'])

    const bytes = await readFile(lost)
    bytes[bytes.length >> 1] ^= 1
    await writeFile(lost, bytes)
    await rm(dirname(model.path), { recursive: true })
    await rejectsWithUserError(
      () => pullModel(REPO, { ...QUICK, verify: true }),
      /pytorch_model-00002-of-00003\.bin: not what/,
    )
  })

  /** Bytes read by range for the plan, before the whole file was fetched. */
  function headerOf(hub: { seen: { file?: string; headers: object; sent: number }[] }, name: string): number {
    const ranges = hub.seen.filter(({ file, headers }) => file === name && 'range' in headers)
    return ranges.reduce((sum, { sent }) => sum + sent, 0)
  }
})

test('a link in place of an unfinished file is not written through, and an invalid cache is reported', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, ONE_FILE)
    const blobs = join(dir, 'hf', 'hub', 'models--org--model', 'blobs')
    const treasure = join(dir, 'treasure')
    await writeFile(treasure, 'treasure')
    await mkdir(blobs, { recursive: true })
    const sha256 = createHash('sha256').update(files.get('model.safetensors') ?? '')
    await symlink(treasure, join(blobs, `${sha256.digest('hex')}.incomplete`))
    await pullModel(REPO, { ...QUICK, keep: true })
    assert.is(await readFile(treasure, 'utf8'), 'treasure')
    await rm(blobs, { recursive: true })
    await writeFile(blobs, '')
    await rejectsWithUserError(
      () => pullModel(REPO, { ...QUICK, keep: true }),
      /blobs.*: cannot be written \(there is a file of that name/,
    )
  })
})

test('with HF_HUB_OFFLINE only the cache is used, by branch or commit', async () => {
  await withHub(async (hub, dir) => {
    const { commit } = await hub.serve(REPO, ONE_FILE)
    process.env.HF_HUB_OFFLINE = '1'
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /not complete in the hub's cache .*HF_HUB_OFFLINE/)
    assert.is(hub.seen.length, 0)
    process.env.HF_HUB_CACHE = join(dir, 'elsewhere')
    const snapshot = join(dir, 'elsewhere', 'models--org--model', 'snapshots', commit)
    await mkdir(join(snapshot, '..', '..', 'refs'), { recursive: true })
    await mkdir(join(snapshot, '..'), { recursive: true })
    await symlink(fixturePath(ONE_FILE), snapshot)
    await rejectsWithUserError(() => pullModel(REPO, QUICK), /not complete/)
    assert.is((await pullModel(REPO, { ...QUICK, revision: commit })).commit, commit)
    await writeFile(join(snapshot, '..', '..', 'refs', 'main'), `${commit}\n`)
    const { path } = await pullModel(`${REPO}:f32`, QUICK)
    assert.is(hub.seen.length, 0)
    await hasPartsOf(path, ONE_FILE)
  })
})

test('a flipped byte in a kept file is found before the file gets its name, and the next pull succeeds', async () => {
  await withHub(async (hub, dir) => {
    await hub.serve(REPO, ONE_FILE)
    hub.fault = ({ file, headers }, response, bytes) => {
      if (file !== 'model.safetensors' || headers.range) return undefined
      hub.fault = undefined
      return sendFlipped(response, bytes, 1_234_567, 4)
    }
    await rejectsWithUserError(
      () => pullModel(REPO, { ...QUICK, keep: true }),
      /model\.safetensors: not what the hub has/,
    )
    const blobs = await readdir(join(dir, 'hf', 'hub', 'models--org--model', 'blobs'))
    assert.equal(
      blobs.filter((name) => name.length === 64 || name.endsWith('.incomplete')),
      [],
    )
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, keep: true })
    await hasPartsOf(path, ONE_FILE)
  })
})

test('--keep resumes with a server that ignores ranges', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, ONE_FILE)
    hub.ignoresRanges = true
    let cuts = 0
    hub.fault = ({ file }, response, bytes) => {
      if (file !== 'model.safetensors' || bytes.length < 1e6 || cuts++ > 5) return undefined
      return sendBeginning(response, bytes, 1_000_000 + 1000 * cuts)
    }
    const { path } = await pullModel(`${REPO}:f32`, { ...QUICK, keep: true })
    assert.ok(cuts > 5)
    await hasPartsOf(path, ONE_FILE)
  })
})

test.run()
