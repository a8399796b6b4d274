import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseConfig } from '#molm/model/families/index.js'
import type { DecoderConfig } from '#molm/model/families/shared/decoder-config.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/** Keys of EngGPT2-16B-A3B. */
const ENG_GPT = {
  ...{ model_type: 'enggpt_moe', vocab_size: 131084, hidden_size: 2880, intermediate_size: 8640 },
  ...{ num_hidden_layers: 24, num_attention_heads: 32, num_key_value_heads: 4, head_dim: 128 },
  ...{ num_experts: 64, num_experts_per_tok: 8, moe_intermediate_size: 1080, rms_norm_eps: 1e-6 },
}

test('EngGPT2 is a Qwen3 mixture whose gates sum to 1', () => {
  const { modelType, headSize, mixtures, ropes } = parseConfig(ENG_GPT, 'x') as DecoderConfig
  const [{ experts, topK, routing }] = mixtures
  assert.equal([modelType, headSize, experts, topK], ['qwen3_moe', 128, new Array(24).fill(64), 8])
  assert.equal([routing, ropes[0]?.theta], [{ normalise: {} }, 1e6])
})

test('a checkpoint under another name gives the same bits', () =>
  inTemporaryFolder(async (folder) => {
    await cp(fixturePath('41-qwen3moe-f32'), folder, { recursive: true })
    const path = join(folder, 'config.json')
    const json = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...json, architectures: undefined, model_type: 'enggpt_moe' }))
    const tokens = [3, 1, 4, 1, 5, 9, 2, 6]
    const wanted = await forwardHere(fixturePath('41-qwen3moe-f32'), tokens)
    sameBits((await forwardHere(folder, tokens)).logits, wanted.logits, 'logits')
  }))

test.run()
