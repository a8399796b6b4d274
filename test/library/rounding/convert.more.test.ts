import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel, loadModel } from '#molm/index.js'
import { evaluateText, readText } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('conversion with a calibration')

const FIXTURE = fixturePath('01-base-bin-f32')

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
      return withModel(folder, {}, async (model) => {
        const { against } = await evaluateText(model, held, { against: reference })
        return against?.klDivergence ?? Number.NaN
      })
    }
    try {
      await convertModel('nano', join(dir, 'calibrated'), { calibrate })
      const [before, after] = [await divergenceOf('nano'), await divergenceOf(join(dir, 'calibrated'))]
      assert.ok(after < 0.75 * before, `${after} after ${before}`)
    } finally {
      await reference.dispose()
    }
  }))

test('a GGUF file that keeps its weights is not calibrated', () =>
  inTemporaryFolder(async (dir) => {
    const calibrate = [await partOf('novels', 0, 4000)]
    const kept = fixturePath('gguf/qwen3moe-q4_k_m/model.gguf')
    await rejectsWithUserError(() => convertModel(kept, join(dir, 'kept'), { calibrate }), /has none of them/)
    const levels = fixturePath('gguf/olmoe-q4_0-split/olmoe-q4_0-00001-of-00002.gguf')
    await rejectsWithUserError(() => convertModel(levels, join(dir, 'levels'), { calibrate }), /has none of them/)
  }))

test('a model writes the text itself if none is given', () =>
  inTemporaryFolder(async (dir) => {
    await convertModel(FIXTURE, dir, { calibrate: true })
    const { calibration } = await describeModel(dir)
    assert.is(calibration?.texts[0].name, 'own text')
  }))

test.run()
