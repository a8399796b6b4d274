import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, describeModel } from '#molm/index.js'
import { parseConfig } from '#molm/model/families/index.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { lastLogits } from '../../support/forward-here.js'
import { withLoaded } from '../../support/loaded-model.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { safetensors } from '../../support/safetensors-writer.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('the text part of a larger model')

const FIXTURE = '41-qwen3moe-f32'
const IDS = [5, 9, 2, 7, 1]

const logitsOf = (folder: string) => withLoaded(folder, { quant: 'f32' }, ({ model }) => lastLogits(model, IDS, [5]))

/** Writes the fixture as the text part of a model that also takes images. */
async function writeWhole(folder: string, prefix: string, extra = 'model.visual.patch.weight'): Promise<void> {
  const { model_type, ...config } = JSON.parse(readFileSync(fixturePath(`${FIXTURE}/config.json`), 'utf8'))
  const { architectures: _, tie_word_embeddings, ...inner } = config
  const whole = {
    architectures: ['SeeingForConditionalGeneration'],
    model_type: 'seeing_moe',
    tie_word_embeddings,
    text_config: { ...inner, model_type, tie_word_embeddings: !tie_word_embeddings },
    vision_config: { hidden_size: 8 },
  }
  const bytes = readFileSync(fixturePath(`${FIXTURE}/model.safetensors`))
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, end))
  const renamed = Object.entries(tensors).map(([name, tensor]) => [name.replace(/^model\./, prefix), tensor])
  const more = { dtype: 'F32', shape: [2], data_offsets: [bytes.length - end, bytes.length - end + 8] }
  const data = Buffer.concat([bytes.subarray(end), Buffer.alloc(8)])
  await writeFile(join(folder, 'config.json'), JSON.stringify(whole))
  await writeFile(
    join(folder, 'model.safetensors'),
    safetensors({ ...Object.fromEntries(renamed), [extra]: more }, data),
  )
}

test('gives the logits of the text model alone, from a checkpoint and packed', () =>
  inTemporaryFolder(async (folder) => {
    const expected = await logitsOf(fixturePath(FIXTURE))
    for (const prefix of ['model.language_model.', 'language_model.model.']) {
      await writeWhole(folder, prefix)
      sameBits(await logitsOf(folder), expected)
      const { config } = await describeModel(folder)
      assert.is(config.textPartOf, 'seeing_moe')
      assert.is(config.modelType, 'qwen3_moe')
    }
    const packed = join(folder, 'packed')
    await convertModel(folder, packed, { quant: 'f32' })
    sameBits(await logitsOf(packed), expected)
  }))

test('is refused with tensors that belong to no part, or of a kind that molm does not run', () =>
  inTemporaryFolder(async (folder) => {
    await writeWhole(folder, 'model.language_model.', 'model.layers.0.extra.weight')
    await rejectsWithUserError(() => logitsOf(folder), /model\.layers\.0\.extra\.weight/)
    await rejectsWithUserError(
      async () => parseConfig({ model_type: 'seeing', text_config: { model_type: 'poem' } }, 'config.json'),
      /config\.json: has model_type "poem"/,
    )
  }))

test.run()
