import { join } from 'node:path'
import { suite } from 'uvu'
import { convertModel, loadModel } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('threads')

test('an invalid number of threads is refused, for packing and for loading', () =>
  inTemporaryFolder(async (dir) => {
    const checkpoint = fixturePath('01-base-bin-f32')
    for (const threads of [0, -1, 1.5, Number.NaN, 65]) {
      for (const work of [
        () => loadModel(checkpoint, { threads }),
        () => convertModel(checkpoint, join(dir, 'out'), { threads }),
      ]) {
        await rejectsWithUserError(work, /`threads` must be a whole number from 1 to 64/)
      }
    }
  }))

test.run()
