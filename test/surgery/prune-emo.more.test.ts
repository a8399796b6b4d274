import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ablateExperts, pruneModel, readText } from '#molm/index.js'
import { splitTexts } from '#molm/surgery/held-out.js'
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

test('pruning by ablation keeps the experts whose loss hurts most, and never cuts one that every token uses', () =>
  inFolderOfEmo({}, async (name, out) => {
    const texts = (await calibration()).map(({ name, text }) => ({ name, text: text.slice(0, 1100) }))
    const { selection } = await pruneModel(name, out, { calibrate: texts, keep: 0.5, by: 'ablation' })
    const { experts } = await withModel(name, {}, (model) =>
      ablateExperts(model, splitTexts(texts).calibration, { ways: ['around'] }),
    )
    for (const layer of [0, 2]) {
      const worth = experts.filter((one) => one.layer === layer)
      assert.is(worth[7].worth?.around, undefined, 'it cannot be routed around')
      const best = worth.slice(0, 7).sort((a, b) => (b.worth?.around?.nats ?? 0) - (a.worth?.around?.nats ?? 0))
      const kept = [...best.slice(0, 3).map(({ expert }) => expert), 7].sort()
      assert.equal(selection.mlp?.[layer], kept)
    }
  }))

test.run()
