import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, findPulled, pullModel, updateModel } from '#molm/index.js'
import { readText } from '#molm/lab/index.js'
import { verifyChecksums } from '#molm/model/packing/format/checksums.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { QUICK as PLAIN, REPO, withHub } from '../../support/with-hub.js'

const FIXTURE = '01-base-bin-f32'
const FILE = 'pytorch_model.bin'
const { text } = await readText(fixturePath('texts/novels.txt'))
const CALIBRATE = [{ name: 'novels.txt', text: text.slice(0, 800) }]
const QUICK = { ...PLAIN, calibrate: CALIBRATE }

test('a calibrated pull fetches the weights twice and has the weights of a calibrated conversion', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    const notes: string[] = []
    let planned = 0
    const onPlan = ({ fetchBytes }: { fetchBytes: number }) => {
      planned = fetchBytes
    }
    const { path } = await pullModel(REPO, { ...QUICK, onNote: (note) => notes.push(note), onPlan })
    const size = files.get(FILE)?.length ?? 0
    assert.ok(planned > 1.9 * size && planned <= 2 * size, `${planned} bytes planned, ${size} in the file`)
    assert.ok(hub.sentOf(FILE) <= 2.1 * size)
    assert.ok(
      notes.some((note) => note.includes('fetched twice')),
      notes.join(),
    )
    const left = (await readdir(join(dir, 'molm', 'models', 'org', 'model'))).filter((name) => !name.endsWith('.json'))
    assert.equal(left, ['merges.txt', 'model-q4.molm.safetensors'])

    const pulled = await openPackedFile(path)
    await verifyChecksums(pulled)
    const converted = await convertModel(fixturePath(FIXTURE), join(dir, 'converted'), {
      calibrate: CALIBRATE,
      threads: 1,
    })
    const other = await openPackedFile(converted.path)
    assert.equal(pulled.metadata.calibration, other.metadata.calibration)
    for (const [name, part] of other.parts) assert.equal(pulled.parts.get(name)?.sha256, part.sha256, name)

    const sent = hub.sentOf(FILE)
    assert.ok((await pullModel(REPO, QUICK)).wasHere)
    assert.is(hub.sentOf(FILE), sent)
  })
})

test('a plain model is pulled again to be calibrated, and with `keep` fetched once', async () => {
  await withHub(async (hub, dir) => {
    const { files } = await hub.serve(REPO, FIXTURE)
    const size = files.get(FILE)?.length ?? 0
    const { path } = await pullModel(REPO, { ...QUICK, calibrate: undefined })
    const plain = await readFile(path)
    const before = hub.sentOf(FILE)
    await pullModel(REPO, { ...QUICK, keep: true })
    const sent = hub.sentOf(FILE) - before
    assert.ok(sent <= 1.1 * size, `${sent} bytes of ${size} were fetched`)
    assert.not.ok((await readFile(path)).equals(plain))
    const { calibration } = await describeModel(join(dir, 'molm', 'models', 'org', 'model'))
    assert.is(calibration?.texts[0].name, 'novels.txt')
  })
})

test('a calibrated model that has changed is not replaced by one that is not calibrated', async () => {
  await withHub(async (hub) => {
    const repository = await hub.serve(REPO, FIXTURE)
    const { path } = await pullModel(REPO, QUICK)
    const [model] = await findPulled(REPO)
    assert.ok((await updateModel(model, PLAIN)).wasHere)
    const before = await readFile(path)
    hub.change(repository, { 'README.md': Buffer.from('news') })
    await rejectsWithUserError(
      () => updateModel(model, PLAIN),
      /was calibrated with novels\.txt: `molm pull org\/model --cali/,
    )
    assert.ok(before.equals(await readFile(path)))
  })
})

test('an interrupted calibration resumes', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    const stop = new AbortController()
    let last = 0
    let isAgain = false
    const onProgress = ({ done, total }: { done: number; total: number }) => {
      isAgain ||= done < last
      if (isAgain && done > total / 3) stop.abort(new Error('stopped'))
      last = done
    }
    const error = await pullModel(REPO, { ...QUICK, onProgress, signal: stop.signal }).catch((error: unknown) => error)
    assert.is((error as Error).message, 'stopped')
    const { path } = await pullModel(REPO, QUICK)
    const file = await openPackedFile(path)
    await verifyChecksums(file)
    assert.ok(file.metadata.calibration)
  })
})

test('a text for a packing without q4 is refused before anything is fetched', async () => {
  await withHub(async (hub) => {
    await hub.serve(REPO, FIXTURE)
    const error = await pullModel(`${REPO}:q8`, QUICK).catch((error: unknown) => error)
    assert.match((error as Error).message, /changes only q4/)
    assert.is(hub.sentOf(FILE), 0)
  })
})

test.run()
