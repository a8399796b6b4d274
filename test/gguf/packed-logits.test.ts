import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Quant } from '#molm/packing/format/formats.js'
import { readFamilyExpected } from '../support/family-fixtures.js'
import { checkForward } from '../support/family-results.js'
import { fixturePath } from '../support/fixtures.js'
import { GGUF_FIXTURES } from '../support/gguf-tensors.js'
import { withModel } from '../support/models.js'
import { packGguf } from '../support/packed-gguf.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('models packed from GGUF files')

/** Packs a fixture into a folder. */
async function packFixture(fixture: string, out: string, quant?: Quant): Promise<void> {
  const folder = fixturePath(fixture)
  const file = readdirSync(folder).find((name) => name.endsWith('.gguf'))
  await packGguf(join(folder, `${file}`), out, quant)
}

for (const fixture of GGUF_FIXTURES.map((folder) => `gguf/${folder}`)) {
  const expected = readFamilyExpected(fixture)

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
    const fixture = 'gguf/granitemoe-all-types'
    const expected = readFamilyExpected(fixture)
    await packFixture(fixture, dir)
    await withModel(dir, { threads: 1, cacheType: 'bf16' }, async (model) => {
      const { logits } = await model.createSession().forward(expected.prompts.p33, { logits: 'all' })
      // Measured: .069; in the packing q4 .30.
      const error = relativeError(logits, expected.allLogits.p33)
      assert.ok(error < 0.072, `${error}`)
    })
  }))

/** Root of the mean square of the differences, relative to that of the expected values. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const squares = expected.reduce((sum, value) => sum + value ** 2, 0)
  return Math.sqrt(expected.reduce((sum, value, i) => sum + (value - found[i]) ** 2, 0) / squares)
}

test.run()
