import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { readText } from '#molm/lab/index.js'
import { fixturePath, repositoryPath } from '../../support/fixtures.js'
import { writeRandomCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/** A small EMO with nano's vocabulary: a token uses 3 of 8 experts, the last one always; layer 1 is dense. */
export const EMO = {
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

export async function inFolderOfEmo(keys: object, use: (model: string, out: string) => Promise<void>): Promise<void> {
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

export async function calibration() {
  const { name, text } = await readText(fixturePath('texts/code.txt'))
  return [{ name, text: text.slice(0, 2500) }]
}
