import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pruneModel, readText } from '#molm/index.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { writeRandomCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** A small EMO with nano's vocabulary: a token uses 3 of 8 experts, the last one always; layer 1 is dense. */
const EMO = {
  model_type: 'emo',
  vocab_size: 4096,
  hidden_size: 32,
  intermediate_size: 16,
  dense_intermediate_size: 24,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  num_experts_per_layer: [8, 0, 8],
  num_experts_per_tok: 3,
  num_shared_experts: 1,
  max_position_embeddings: 512,
  eos_token_id: 0,
}

async function inFolderOfEmo(keys: object, use: (model: string, out: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const model = join(dir, 'checkpoint')
    await cp(repositoryPath('models/nano'), model, {
      recursive: true,
      filter: (path) => !/training|safetensors|\.md$/.test(path),
    })
    await writeRandomCheckpoint(model, { ...EMO, ...keys }, 7)
    await use(model, join(dir, 'out'))
  })
}

async function calibration() {
  const { name, text } = await readText(fixturePath('texts/code.txt'))
  return [{ name, text: text.slice(0, 2500) }]
}

test('emo scores experts by the router’s mean probability, also of tokens that did not choose them', () =>
  inFolderOfEmo({}, async (model, out) => {
    const calibrate = await calibration()
    const { selection } = await pruneModel(model, out, { calibrate, by: 'emo', keep: 0.5, threads: 1, quant: 'f32' })
    await withModel(model, { quant: 'f32', threads: 1 }, async (model) => {
      const { text } = calibrate[0]
      const cut = text.lastIndexOf('\n', Math.floor((text.length * 3) / 4)) + 1
      const tokens = model.tokenizer.encode(text.slice(0, cut), { addSpecialTokens: false })
      const sums = [0, 2].map(() => new Float64Array(8))
      for (let at = 0; at < tokens.length; at += 512) {
        const part = tokens.slice(at, at + 512)
        const { routes = [] } = await model.createSession().forward(part, { routes: true, probabilities: true })
        for (const [i, layer] of [0, 2].entries()) {
          const scores = routes[layer].mlp?.probabilities ?? []
          for (const [j, score] of scores.entries()) sums[i][j % 8] += score
        }
      }
      for (const [i, layer] of [0, 2].entries()) {
        const ranked = [0, 1, 2, 3, 4, 5, 6].sort((a, b) => sums[i][b] - sums[i][a])
        assert.equal(selection.mlp?.[layer], [...ranked.slice(0, 3).sort((a, b) => a - b), 7])
        assert.is(Math.round(sums[i][7]), tokens.length)
      }
    })
  }))

test.run()
