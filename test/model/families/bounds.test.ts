import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MODEL_TYPES, parseConfig } from '#molm/model/families/index.js'
import { rejectsWithUserError } from '../../support/rejects.js'

/** Keys that a type needs before its layers are read. */
const NEEDED: Record<string, object> = {
  bailing_hybrid: { architectures: ['BailingMoeV3ForCausalLM'] },
  bailing_moe: { architectures: ['BailingMoeV2ForCausalLM'] },
  glm4_moe: { head_dim: 128 },
}

test('no family plans more layers than any model has', async () => {
  for (const model_type of MODEL_TYPES) {
    const json = { model_type, num_hidden_layers: 100_000, ...NEEDED[model_type] }
    await rejectsWithUserError(() => parseConfig(json, 'x'), /^x: \w+ must be an integer from 1 to 4096, not 100000/)
  }
})

test('a long list of dense layers is searched once, not once per layer', () => {
  const mlp_only_layers = new Array(500_000).fill(5000)
  const before = process.cpuUsage().user
  for (const model_type of ['qwen2_moe', 'qwen3_moe']) {
    const json = { model_type, num_hidden_layers: 4096, num_experts: 8, mlp_only_layers: [...mlp_only_layers, 7] }
    const [{ experts }] = parseConfig(json, 'x').mixtures
    assert.equal([experts[6] > 0, experts[7], experts[8] > 0], [true, 0, true])
  }
  const seconds = (process.cpuUsage().user - before) / 1e6
  assert.ok(seconds < 0.3, `it takes ${seconds} s`)
})

test.run()
