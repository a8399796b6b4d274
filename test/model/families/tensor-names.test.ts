import { test } from 'uvu'
import { localFolder } from '#molm/ground/files/local-folder.js'
import { openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { sameBits } from '../../support/compare.js'
import { fixtureConfig, fixturePath } from '../../support/fixtures.js'
import { lastLogits } from '../../support/forward-here.js'
import { withLoaded } from '../../support/loaded-model.js'
import { readFloats } from '../../support/read-floats.js'
import { type WrittenTensor, writeTensors } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const IDS = [5, 9, 2, 7, 1]

/** Names that transformers has in memory, in place of the published ones. */
const RENAMED: Record<string, [RegExp, string][]> = {
  '226-laguna-f32': [
    [/shared_expert\./, 'shared_experts.'],
    [/experts\.e_score/, 'gate.e_score'],
  ],
  '236-nemotronh-f32': [[/embeddings/, 'embedding']],
}

for (const [name, changes] of Object.entries(RENAMED)) {
  test(`${name} with the names of transformers in memory gives the same bits`, () =>
    inTemporaryFolder(async (dir) => {
      const { tensors, close } = await openCheckpoint(localFolder(fixturePath(name)))
      const renamed = new Map<string, WrittenTensor>()
      for (const [key, tensor] of tensors) {
        const other = changes.reduce((key, [from, to]) => key.replace(from, to), key)
        renamed.set(other, { shape: tensor.shape, values: await readFloats(tensor) })
      }
      await close()
      await writeTensors(dir, fixtureConfig(name), renamed)
      const logitsOf = (folder: string) =>
        withLoaded(folder, { quant: 'f32' }, ({ model }) => lastLogits(model, IDS, [IDS.length]))
      sameBits(await logitsOf(dir), await logitsOf(fixturePath(name)), name)
    }))
}

test.run()
