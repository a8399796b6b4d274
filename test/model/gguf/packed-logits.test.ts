import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { ggufBlueprint } from '#molm/model/gguf/blueprint.js'
import { ggufConfig } from '#molm/model/gguf/config.js'
import { ggufFormats } from '#molm/model/gguf/formats.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { convertSource } from '#molm/model/packing/write/convert.js'
import { checkForward, readExpected } from '../../support/expected.js'
import { bankOf, pack } from '../../support/kernel-bench.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { withModel } from '../../support/models.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { GGUF_FIXTURES, openFixture } from './fixtures.js'

const test = suite('models packed from GGUF files')

/** Packs a fixture into a folder on this thread. Without `quant` its matrices keep their own formats. */
async function packFixture(folder: string, out: string, quant?: Quant): Promise<void> {
  const open = async () => {
    const file = await openFixture(folder)
    const json = ggufConfig(file)
    const blueprint = ggufBlueprint(blueprintOf(parseConfig(json, folder)), file)
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

/** Root of the mean square of the differences, relative to the same root of the expected values. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const squares = expected.reduce((sum, value) => sum + value ** 2, 0)
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (value - found[i]) ** 2, 0) / squares)
}

test.run()
