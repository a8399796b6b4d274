import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  convertModel,
  describeModel,
  findPulled,
  listModels,
  type PullPlan,
  pullModel,
  removeModel,
  updateModel,
} from '#molm/index.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { fixturePath } from '../../support/fixtures.js'
import { type HubServer, sendFlipped } from '../../support/hub-server.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { QUICK, TENSOR_BY_TENSOR, withHub } from '../../support/with-hub.js'

const REPO = 'org/tiny-GGUF'
const SPLIT = 'gguf/olmoe-q4_0-split'
const MIXED = 'gguf/granitemoe-all-types'
const PARTS = ['olmoe-q4_0-00001-of-00002.gguf', 'olmoe-q4_0-00002-of-00002.gguf']

/** Serves a repository as they are published: several quantisations, one of them split in a folder, and other files. */
async function serve(hub: HubServer) {
  const files = new Map<string, Buffer>()
  for (const [i, part] of PARTS.entries()) {
    files.set(`Q4_0/tiny-Q4_0-0000${i + 1}-of-00002.gguf`, await readFile(fixturePath(`${SPLIT}/${part}`)))
  }
  files.set('tiny.Q4_K_M.gguf', await readFile(fixturePath(`${MIXED}/model.gguf`)))
  for (const name of ['mmproj-tiny-f16.gguf', 'imatrix.gguf', '.gitattributes']) files.set(name, Buffer.from('other'))
  files.set('README.md', Buffer.from('---\nlicense: apache-2.0\n---\n'))
  return hub.serveFiles(REPO, files)
}

test('a GGUF file is pulled by its tag, from a folder and in parts', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await serve(hub)
    const { path, repo, wasHere } = await pullModel(`${REPO}:q4_0`, { ...QUICK, quant: 'f32' })
    assert.not(wasHere)
    assert.is(repo, `${REPO}:Q4_0`)
    assert.is(path, join(dir, 'molm', 'models', 'org', 'tiny-GGUF@Q4_0', 'model-f32.molm.safetensors'))
    assert.is((await openPackedFile(path)).metadata.source, `${REPO}:Q4_0`)
    assert.ok(existsSync(join(path, '..', 'README.md')))
    const size = [...files].reduce((sum, [name, { length }]) => sum + (name.startsWith('Q4_0') ? length : 0), 0)
    const sent = [...files.keys()].filter((name) => name.startsWith('Q4_0')).map((name) => hub.sentOf(name))
    const fetched = sent.reduce((a, b) => a + b)
    // The headers are read with some of the data after them.
    assert.ok(fetched < 2 * size, `${fetched} bytes of ${size} were fetched`)
    assert.is(hub.sentOf('tiny.Q4_K_M.gguf'), 0)
  })
})

test('an update of a GGUF file keeps its formats, and fetches no weights that are the same', async () => {
  await withHub(async (hub) => {
    const repository = await serve(hub)
    for (const options of [QUICK, { ...QUICK, quant: 'q8' as const }]) await pullModel(`${REPO}:Q4_K_M`, options)
    const before = await findPulled(REPO)
    const metadata = () => Promise.all(before.map(async ({ path }) => (await openPackedFile(path)).metadata))
    const formats = (await metadata()).map(({ formats }) => formats)
    hub.change(repository, { 'README.md': Buffer.from('---\nlicense: mit\n---\n') })
    for (const model of before) {
      let bytes = -1
      await updateModel(model, {
        ...QUICK,
        onPlan: ({ fetchBytes }) => {
          bytes = fetchBytes
        },
      })
      assert.is(bytes, 0, model.name)
    }
    const after = await metadata()
    assert.equal(
      after.map(({ formats, sourceRevision }) => ({ formats, sourceRevision })),
      formats.map((formats) => ({ formats, sourceRevision: repository.commit })),
    )
  })
})

test('what is not there is refused by what is', async () => {
  await withHub(async (hub) => {
    const repository = await serve(hub)
    await hub.serve('org/checkpoint', '02-base-safetensors-f32')
    const refusals: [string, RegExp][] = [
      [`${REPO}:Q3_K_M`, /no GGUF file 'Q3_K_M'; there are Q4_0, Q4_K_M$/],
      [`${REPO}:q8`, /no GGUF file 'q8'; there are Q4_0, Q4_K_M\n`--quant q8` packs any of them as q8/],
      [
        'org/checkpoint:Q4_K_M',
        /org\/checkpoint: has no GGUF files, so there is no 'Q4_K_M' of it; molm packs its checkpoint: `molm pull org\/checkpoint`/,
      ],
      [`${REPO}:Q4_K_M:Q8_0`, /is not the name of a repository/],
    ]
    for (const [name, pattern] of refusals) await rejectsWithUserError(() => pullModel(name, QUICK), pattern)
    repository.gated = true
    await rejectsWithUserError(() => pullModel(`${REPO}:Q4_0`, QUICK), /is gated/)
    repository.gated = false
    repository.files.delete('Q4_0/tiny-Q4_0-00002-of-00002.gguf')
    await rejectsWithUserError(() => pullModel(`${REPO}:Q4_0`, QUICK), /part 2 of 2 .*tiny-Q4_0-00002-of-00002\.gguf/)
  })
})

test('several tags are here at once, each under its name, and a repository alone means the default', async () => {
  await withHub(async (hub, dir) => {
    const repository = await serve(hub)
    const outside = ['../Q8_0.gguf', 'a/../Q8_0.gguf', '/Q8_0.gguf', 'a/b/Q8_0.gguf', '..\\Q8_0.gguf', '.git/Q8_0.gguf']
    repository.extraNames = outside
    hub.renamed.set('old/tiny-GGUF', REPO)
    await rejectsWithUserError(() => pullModel(`${REPO}:Q8_0`, { ...QUICK, keep: true }), /no GGUF file 'Q8_0'/)
    const first = await pullModel('old/tiny-GGUF:Q4_0', QUICK)
    for (const name of ['old/tiny-GGUF:Q4_0', 'old/tiny-GGUF', REPO, `${REPO}:q4_0`, `hf.co/${REPO}:Q4_0`]) {
      assert.is((await describeModel(name)).source, `${REPO}:Q4_0`, name)
    }
    const notes: string[] = []
    const second = await pullModel(REPO, { ...QUICK, onNote: (note) => notes.push(note) })
    assert.is(second.repo, `${REPO}:Q4_K_M`)
    assert.ok(notes.includes(`${REPO}: taking Q4_K_M; there are Q4_0, Q4_K_M`), notes.join('\n'))
    assert.equal(await readdir(dir), ['molm'])
    assert.not.match(hub.seen.map(({ url }) => url).join('\n'), /Q8_0/, 'paths that lead out of the folder')

    const names = async () => (await listModels()).map(({ name }) => name).filter((name) => name !== 'nano')
    assert.equal(await names(), [`${REPO}:Q4_0`, `${REPO}:Q4_K_M`])
    assert.is((await describeModel(REPO)).source, `${REPO}:Q4_K_M`)
    assert.is((await describeModel(`${REPO}:q4_0`)).source, `${REPO}:Q4_0`)
    assert.is((await findPulled(`https://huggingface.co/${REPO}`)).length, 2)
    await rejectsWithUserError(
      () => describeModel(`${REPO}:Q6_K`),
      /^org\/tiny-GGUF:Q6_K is not pulled, but org\/tiny-GGUF:Q4_0, org\/tiny-GGUF:Q4_K_M; `molm pull org\/tiny-GGUF:Q6_K` /,
    )
    assert.ok((await pullModel(`${REPO}:Q4_K_M`, QUICK)).wasHere)
    assert.not((await pullModel(`${REPO}:Q4_0:q4`, QUICK)).wasHere)
    assert.ok((await pullModel(`${REPO}:Q4_0`, { ...QUICK, quant: 'q4' })).wasHere)

    process.env.HF_HUB_OFFLINE = '1'
    for (const name of [`${REPO}:Q4_K_M`, `${REPO}:q4_k_m`]) assert.is((await pullModel(name, QUICK)).path, second.path)
    await removeModel(`${REPO}:q4_k_m`)
    assert.equal(await names(), [`${REPO}:Q4_0`])
    await rejectsWithUserError(() => pullModel(`${REPO}:Q4_K_M`, QUICK), /not complete in the hub's cache/)
    assert.not(first.wasHere)
    await removeModel(REPO)
    assert.equal(await names(), [])
  })
})

test('a pull resumes after a cut connection, and gives the bytes of a conversion', async () => {
  await withHub(async (hub, dir) => {
    await serve(hub)
    const straight = await convertModel(fixturePath(`${SPLIT}/${PARTS[1]}`), join(dir, 'straight'), { threads: 1 })
    let served = 0
    hub.fault = ({ file = '' }, response) => {
      if (!file.startsWith('Q4_0/') || ++served < 40) return undefined
      response.destroy()
      return true
    }
    const network = TENSOR_BY_TENSOR
    await rejectsWithUserError(() => pullModel(`${REPO}:Q4_0`, { ...QUICK, network }), /times in a row/)
    hub.fault = undefined
    const plans: PullPlan[] = []
    const { path } = await pullModel(`${REPO}:Q4_0`, { ...QUICK, onPlan: (plan) => plans.push(plan) })
    assert.ok(plans[0].partsDone > 0, 'some parts were done')
    assert.equal(
      plans[0].files.map(({ name }) => name),
      ['Q4_0/tiny-Q4_0-00001-of-00002.gguf', 'Q4_0/tiny-Q4_0-00002-of-00002.gguf'],
    )
    const [a, b] = await Promise.all([path, straight.path].map(openPackedFile))
    const sums = ({ parts }: typeof a) => [...parts].map(([name, { sha256 }]) => [name, sha256])
    assert.equal(sums(a), sums(b))
  })
})

test('--verify finds a byte that changed on the way, in rows that are read in another order, too', async () => {
  await withHub(async (hub) => {
    await serve(hub)
    let isFirst = true
    hub.fault = ({ file, start, end }, response, bytes) => {
      // A range of the weights, but not the headers nor the second reading of the whole file.
      if (file !== 'tiny.Q4_K_M.gguf' || !isFirst || start < 100_000 || end - start > 500_000) return undefined
      isFirst = false
      return sendFlipped(response, bytes, bytes.length >> 1)
    }
    await rejectsWithUserError(() => pullModel(`${REPO}:Q4_K_M`, { ...QUICK, verify: true }), /its checksum differs/)
    assert.not(isFirst)
  })
})

test('with --keep the files are in the hub’s cache, in their folder, and are packed from there offline', async () => {
  await withHub(async (hub, dir) => {
    const { commit } = await serve(hub)
    const kept = await pullModel(`${REPO}:Q4_0`, { ...QUICK, keep: true })
    const snapshot = join(dir, 'hf', 'hub', 'models--org--tiny-GGUF', 'snapshots', commit)
    assert.equal((await readdir(snapshot)).sort(), ['Q4_0', 'README.md'])
    assert.is((await readdir(join(snapshot, 'Q4_0'))).length, 2)
    const before = await readFile(kept.path)
    await removeModel(`${REPO}:Q4_0`)
    process.env.HF_HUB_OFFLINE = '1'
    const seen = hub.seen.length
    assert.ok((await readFile((await pullModel(REPO, QUICK)).path)).equals(before))
    assert.is(hub.seen.length, seen)
  })
})

test.run()
