import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, evaluateText, loadModel, readText, UsageError } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('conversion with a calibration')

const FIXTURE = fixturePath('01-base-bin-f32')
const WEIGHTS = 'model-q4.molm.safetensors'

/** Part of a text of nano's domains. */
async function partOf(domain: string, from: number, to: number): Promise<{ name: string; text: string }> {
  const { text } = await readText(fixturePath(`texts/${domain}.txt`))
  return { name: `${domain}.txt`, text: text.slice(from, to) }
}

test('nano diverges a quarter less from f32 on text that it has not seen', () =>
  inTemporaryFolder(async (dir) => {
    const calibrate = [await partOf('novels', 0, 12000), await partOf('dialogue', 0, 6000)]
    const held = await partOf('novels', 16000, 19000)
    const reference = await loadModel('nano', { quant: 'f32' })
    const divergenceOf = async (folder: string) => {
      const model = await loadModel(folder)
      try {
        const { against } = await evaluateText(model, held, { against: reference })
        return against?.klDivergence ?? Number.NaN
      } finally {
        await model.dispose()
      }
    }
    try {
      await convertModel('nano', join(dir, 'calibrated'), { calibrate })
      const [before, after] = [await divergenceOf('nano'), await divergenceOf(join(dir, 'calibrated'))]
      assert.ok(after < 0.75 * before, `${after} after ${before}`)
    } finally {
      await reference.dispose()
    }
  }))

test('the same text gives the same bytes on any number of threads', () =>
  inTemporaryFolder(async (dir) => {
    const calibrate = [await partOf('novels', 0, 4000)]
    for (const threads of [1, 3]) await convertModel(FIXTURE, join(dir, `${threads}`), { calibrate, threads })
    const [one, three] = await Promise.all([1, 3].map((threads) => readFile(join(dir, `${threads}`, WEIGHTS))))
    assert.ok(one.equals(three))
  }))

test('a GGUF file is calibrated if its weights are rounded to q4, and refused if it keeps them', () =>
  inTemporaryFolder(async (dir) => {
    const calibrate = [await partOf('novels', 0, 4000)]
    const kept = fixturePath('gguf/qwen3moe-q4_k_m/model.gguf')
    await rejectsWithUserError(() => convertModel(kept, join(dir, 'kept'), { calibrate }), /has none of them/)
    const levels = fixturePath('gguf/olmoe-q4_0-split/olmoe-q4_0-00001-of-00002.gguf')
    await rejectsWithUserError(() => convertModel(levels, join(dir, 'levels'), { calibrate }), /has none of them/)
    await convertModel(kept, join(dir, 'rounded'), { calibrate, quant: 'q4' })
    const { calibration } = await describeModel(join(dir, 'rounded'))
    assert.ok(calibration && calibration.tokens > 1000)
  }))

test('the packed file names its texts and counts the experts that saw none of them', () =>
  inTemporaryFolder(async (dir) => {
    await convertModel(FIXTURE, dir, { calibrate: [await partOf('novels', 0, 4000)] })
    const { calibration, config } = await describeModel(dir)
    assert.is(calibration?.texts.length, 1)
    assert.is(calibration?.texts[0].name, 'novels.txt')
    assert.match(calibration?.texts[0].sha256 ?? '', /^[0-9a-f]{64}$/)
    assert.ok(calibration && calibration.tokens >= 512)
    const experts = config.mixtures.reduce(
      (sum, { experts }) => sum + experts.reduce((all, count) => all + count, 0),
      0,
    )
    assert.ok(calibration && calibration.unseen < experts)
    const files = await readdir(dir)
    assert.not.ok(
      files.some((name) => name.includes('partial')),
      files.join(),
    )
  }))

test('a model writes the text itself if none is given', () =>
  inTemporaryFolder(async (dir) => {
    await convertModel(FIXTURE, dir, { calibrate: true })
    const { calibration } = await describeModel(dir)
    assert.is(calibration?.texts[0].name, 'own text')
  }))

test('texts that are too short, and packings without q4, are refused', () =>
  inTemporaryFolder(async (dir) => {
    const short = { name: 'short.txt', text: 'Too short.' }
    const out = join(dir, 'out')
    await rejectsWithUserError(
      () => convertModel(FIXTURE, out, { calibrate: [short] }),
      /^short\.txt: \d+ tokens are too few to calibrate; give at least 512$/,
    )
    assert.equal(await readdir(dir), [])
    for (const options of [{ quant: 'q8', calibrate: true }, { calibrate: [] }] as const) {
      const error = await convertModel(FIXTURE, out, options).catch((error: unknown) => error)
      assert.instance(error, UsageError)
    }
  }))

test.run()
