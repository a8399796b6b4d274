import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { takeLock } from '#molm/ground/files/lock.js'
import {
  convertModel,
  describeModel,
  findPulled,
  listModels,
  loadModel,
  type PackingProgress,
  removeModel,
  verifyModel,
} from '#molm/index.js'
import { modelWord } from '#molm/library/finding/model-words.js'
import { copyFolder, copyLock } from '#molm/library/folders/gguf-copies.js'
import { each } from '../support/each.js'
import { givesExpectedLogits } from '../support/expected.js'
import { fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const SPLIT = 'gguf/olmoe-q4_0-split'
const PARTS = [1, 2].map((part) => `olmoe-q4_0-0000${part}-of-00002.gguf`)
const MIXED = 'gguf/granitemoe-all-types'

/** Runs `use` with a folder, whose `home` is MOLM_HOME, and with a GGUF file in it. */
async function withFile(use: (file: string, dir: string) => Promise<unknown>): Promise<void> {
  const before = process.env.MOLM_HOME
  await inTemporaryFolder(async (dir) => {
    process.env.MOLM_HOME = join(dir, 'home')
    const file = join(dir, 'granite-Q4_K_M.gguf')
    await copyFile(fixturePath(`${MIXED}/model.gguf`), file)
    try {
      await use(file, dir)
    } finally {
      if (before === undefined) delete process.env.MOLM_HOME
      else process.env.MOLM_HOME = before
    }
  })
}

/** Loads a model and disposes it. Resolves with the reports of packing it first. */
async function load(word: string, quant?: 'f32' | 'q8' | 'q4'): Promise<PackingProgress[]> {
  const reports: PackingProgress[] = []
  const model = await loadModel(word, { threads: 1, quant, onPacking: (report) => reports.push(report) })
  await model.dispose()
  return reports
}

test('loaded in f32, a split file gives the expected logits, whatever part is named', async () => {
  await withFile(() => givesExpectedLogits(fixturePath(`${SPLIT}/${PARTS[1]}`), SPLIT))
})

test('a file is converted into a folder, by any of its parts, and keeps its formats', async () => {
  await withFile(async (_, dir) => {
    const converted = await convertModel(fixturePath(`${SPLIT}/${PARTS[1]}`), join(dir, 'out'), { threads: 1 })
    assert.equal((await readdir(join(dir, 'out'))).sort(), [
      'config.json',
      'generation_config.json',
      'model-q4.molm.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    assert.is(converted.quant, 'q4')
    const asked = await convertModel(fixturePath(`${SPLIT}/${PARTS[0]}`), join(dir, 'q8'), { quant: 'q8', threads: 1 })
    assert.is(basename(asked.path), 'model-q8.molm.safetensors')
    await verifyModel(join(dir, 'q8'))
  })
})

test('a file is described unpacked, packed once and in each packing asked for, listed, and removed without it', async () => {
  await withFile(async (file, dir) => {
    const info = await describeModel(file)
    assert.equal([info.kind, info.path, info.copy], ['gguf', file, undefined])
    assert.match(info.family, /Granite/)
    assert.ok(info.tokenizerSize)
    const { stored = [] } = info
    assert.is(stored.length, 13)
    assert.is(stored.reduce((sum, { bytes }) => sum + bytes, 0) < (await stat(file)).size, true)
    assert.ok(stored.every(({ formats }) => formats.length > 0))
    assert.not(existsSync(join(dir, 'home')))

    const reports = await load(file)
    assert.is(reports[0].bytesDone, 0)
    assert.is(reports.at(-1)?.bytesDone, reports[0].bytes)
    assert.equal([reports[0].file, reports[0].folder], [file, copyFolder(file, undefined)])
    const again: PackingProgress[] = []
    const model = await loadModel(file, { threads: 1, onPacking: (report) => again.push(report) })
    assert.equal(again, [])
    assert.equal([model.name, modelWord(model), model.info.source], ['granite-Q4_K_M.gguf', file, file])
    await model.dispose()
    const copy = join(copyFolder(file, undefined), `model-${info.quant}.molm.safetensors`)
    assert.is((await describeModel(file)).copy, copy)
    assert.ok((await verifyModel(file)).parts > 0)

    assert.ok((await load(file, 'f32')).length > 0)
    assert.equal(await load(`${file}:f32`), [])
    assert.is((await readdir(join(dir, 'home', 'gguf'))).length, 2)
    assert.equal(await readdir(join(dir, 'home', 'locks')), [])
    assert.equal(
      (await listModels()).filter(({ gguf }) => gguf !== undefined).map(({ name, state, gguf }) => [name, state, gguf]),
      [
        [file, 'whole', file],
        [`${file}:f32`, 'whole', file],
      ],
    )
    assert.is((await findPulled(file)).length, 2)
    await removeModel(`${file}:f32`)
    assert.equal(each(await findPulled(file), 'name'), [file])
    await rm(file)
    await rejectsWithUserError(
      () => load(file),
      /granite-Q4_K_M\.gguf: no such file; its packed copy is .*molm\.safetensors$/,
    )
    await removeModel(file)
    await rejectsWithUserError(() => findPulled(file), /no pulled model/)
    await rejectsWithUserError(() => load(file), /granite-Q4_K_M\.gguf: no such file$/)
  })
})

test('a file may lack a tokenizer; once it has changed it is packed again, and its old copy is gone', async () => {
  await withFile(async (file) => {
    await copyFile(fixturePath('gguf/gptoss-mxfp4/model.gguf'), file)
    await withModel(file, { threads: 1 }, (model) => {
      assert.throws(() => model.tokenizer, new RegExp(`^${file}: the model came without tokenizer files`))
    })
    await utimes(file, new Date(), new Date(Date.now() + 5000))
    assert.ok((await load(file)).length > 0)
    const packed = (await readdir(copyFolder(file, undefined))).filter((name) => name.endsWith('.safetensors'))
    assert.is(packed.length, 1)
  })
})

test('an interrupted packing resumes', async () => {
  await withFile(async (file) => {
    const aborter = new AbortController()
    const stop = ({ bytesDone, bytes }: PackingProgress) => bytesDone > bytes / 2 && aborter.abort(new Error('stop'))
    const cut = loadModel(file, { threads: 1, signal: aborter.signal, onPacking: stop })
    assert.match(String(await cut.catch((error: unknown) => error)), /stop/)
    const partial = (await listModels()).find(({ state }) => state === 'partial')
    assert.is(partial?.name, file)
    const reports = await load(file)
    assert.ok(reports[0].bytesDone > 0, 'some parts were done')
    assert.equal(each(await listModels(), 'state'), ['whole', 'built-in'])
  })
})

test('a file that another process packs, or a folder that cannot be written, is an error in words', async () => {
  await withFile(async (file, dir) => {
    const lock = await takeLock(copyLock(copyFolder(file, undefined)), 'packing')
    await rejectsWithUserError(() => load(file), /packing .*granite-Q4_K_M\.gguf is already under way \(process \d+\)/)
    await lock.release()
    process.env.MOLM_HOME = join(file, 'home')
    await rejectsWithUserError(() => load(file), /a part of the path is a file, not a folder\)\nset MOLM_HOME/)
    process.env.MOLM_HOME = join(dir, 'home')
    if (process.getuid?.() === 0) return
    await mkdir(join(dir, 'home', 'gguf'), { recursive: true })
    await chmod(join(dir, 'home', 'gguf'), 0o500)
    await rejectsWithUserError(() => load(file), /permission denied.*\nset MOLM_HOME/)
    await chmod(join(dir, 'home', 'gguf'), 0o700)
  })
})

test('a file without the ending .gguf is known by its first bytes', async () => {
  await withFile(async (file, dir) => {
    const blob = join(dir, 'sha256-0123')
    await copyFile(file, blob)
    assert.is((await describeModel(blob)).kind, 'gguf')
  })
})

test('a file that is no GGUF, or is cut short, is refused by its name', async () => {
  await withFile(async (file, dir) => {
    const whole = await readFile(file)
    const wrong = join(dir, 'wrong.gguf')
    for (const bytes of [Buffer.from('no'), whole.subarray(0, 1000), whole.subarray(0, whole.length - 1000)]) {
      await writeFile(wrong, bytes)
      await rejectsWithUserError(() => load(wrong), /wrong\.gguf/)
    }
    // The number of experts: one fewer than the tensors have.
    const key = Buffer.from('granitemoe.expert_count')
    whole[whole.indexOf(key) + key.length + 4] -= 1
    await writeFile(wrong, whole)
    await rejectsWithUserError(() => load(wrong), /wrong\.gguf: tensor .* has shape .*, metadata asks for /)
    assert.not(existsSync(join(dir, 'home', 'gguf')))
  })
})

test('a folder without config.json names the GGUF file in it', async () => {
  await withFile(async (file, dir) => {
    await rejectsWithUserError(
      () => load(dir),
      new RegExp(`a model is a folder .*\\nto load the GGUF file in this folder, name it: ${file}$`),
    )
  })
})

test.run()
