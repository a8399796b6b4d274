import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { ggufBlueprint } from '#molm/model/gguf/blueprint.js'
import { ggufConfig } from '#molm/model/gguf/config/config.js'
import { type GgufFile, openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { ggufFormats } from '#molm/model/gguf/formats.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { convertSource } from '#molm/model/packing/write/convert.js'
import { isNear } from '../../support/compare.js'
import { checkForward, readExpected } from '../../support/expected.js'
import { forwardHere } from '../../support/forward-here.js'
import { ggufFiles, ggufModelOf } from '../../support/gguf-model.js'
import { bankOf, pack } from '../../support/kernel-bench.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { withModel } from '../../support/models.js'
import { integers } from '../../support/random.js'
import { writeRandomCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { LOGITS } from '../../support/tolerances.js'
import { GGUF_FIXTURES, openFixture } from './fixtures.js'

const test = suite('models packed from GGUF files')

/** Packs a fixture into a folder on this thread. Without `quant` its matrices keep their own formats. */
async function packFixture(folder: string, out: string, quant?: Quant): Promise<void> {
  await packFile(() => openFixture(folder), out, quant)
}

async function packFile(openFile: () => Promise<GgufFile>, out: string, quant?: Quant): Promise<void> {
  const open = async () => {
    const file = await openFile()
    const json = ggufConfig(file)
    const blueprint = ggufBlueprint(blueprintOf(parseConfig(json, file.name)), file)
    const companions = new MemoryFiles({ 'config.json': JSON.stringify(json) })
    const close = () => file.close()
    const own = { name: file.name, tensors: file.tensors, files: [], blueprint, companions, close }
    return { ...own, ...ggufFormats(blueprint, file, quant) }
  }
  await convertSource(open, out, { pack: async (request) => pack(bankOf('relaxed'), request) })
}

for (const fixture of GGUF_FIXTURES) {
  const expected = readExpected(`gguf/${fixture}`)

  test(`compute the logits of the same weights: ${fixture}`, () =>
    inTemporaryFolder(async (dir) => {
      await packFixture(fixture, dir, 'f32')
      await withModel(dir, { threads: 1 }, async (model) => {
        await checkForward(model, expected)
      })
    }))
}

test('lose hardly more than activations do by their rounding, with blocks of all types', () =>
  inTemporaryFolder(async (dir) => {
    const fixture = 'granitemoe-all-types'
    const expected = readExpected(`gguf/${fixture}`)
    await packFixture(fixture, dir)
    await withModel(dir, { threads: 1, cacheType: 'bf16' }, async (model) => {
      const { logits } = await model.createSession().forward(expected.prompts.p33, { logits: 'all' })
      // Measured: .069; in the packing q4 .30.
      const error = relativeError(logits, expected.allLogits.p33)
      assert.ok(error < 0.072, `${error}`)
    })
  }))

test('compute the logits of a checkpoint whose heads of values have another order', () =>
  inTemporaryFolder(async (dir) => {
    const keys = {
      ...{ model_type: 'qwen3_5_moe_text', vocab_size: 97, hidden_size: 40, num_hidden_layers: 4, head_dim: 16 },
      ...{ num_attention_heads: 4, num_key_value_heads: 2, moe_intermediate_size: 20, num_experts: 6 },
      ...{ num_experts_per_tok: 2, shared_expert_intermediate_size: 12, linear_num_key_heads: 2 },
      ...{ linear_num_value_heads: 6, linear_key_head_dim: 10, linear_value_head_dim: 18, rms_norm_eps: 1e-2 },
      ...{ linear_conv_kernel_dim: 4, partial_rotary_factor: 0.25, max_position_embeddings: 256 },
      ...{ bos_token_id: 95, eos_token_id: 96 },
    }
    await writeRandomCheckpoint(dir, keys, 4)
    const tokens = integers(40, 3, 97)
    const { logits } = await forwardHere(dir, tokens, { quant: 'f32' })
    const packed = join(dir, 'packed')
    const [[name, bytes]] = ggufFiles(await ggufModelOf(dir), 'model', {})
    await packFile(() => openGguf(new MemoryFiles({ [name]: bytes }), name), packed, 'f32')
    // A layer sums the values in another order.
    isNear((await forwardHere(packed, tokens)).logits, logits, LOGITS, 'logits')
  }))

/** Root of the mean square of the differences, relative to the same root of the expected values. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const squares = expected.reduce((sum, value) => sum + value ** 2, 0)
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (value - found[i]) ** 2, 0) / squares)
}

test.run()
