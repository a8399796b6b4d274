import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { steerModel } from '#molm/lab/surgery/steer-model.js'
import { isNear } from '../../support/compare.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const SPREADS = { attention: [2, 0, 0, 0, 0, 0], mlp: [0, 0, 0, 0, 0, 0.5] }

test('a steered model has its pushes as biases of the logits, times the spread of their layer', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'steered')
    const steering = { experts: ['0:attention:3=+0.5', '5:mlp:1,2=-3'], spreads: SPREADS }
    await steerModel('nano', out, { steering, strength: 2, threads: 1 })
    const tokens = [5, 9, 300, 41]
    const scoresOf = async (name: string) => {
      const model = await loadModel(name, { threads: 1 })
      try {
        const { routes } = await model.createSession().forward(tokens, { routes: true, probabilities: true })
        return { first: routes[0].attention?.probabilities, last: routes[5].mlp?.probabilities }
      } finally {
        await model.dispose()
      }
    }
    const [before, after] = [await scoresOf('nano'), await scoresOf(out)]
    const logits = (scores: ArrayLike<number> = [], row: number, experts: number) =>
      Array.from({ length: experts }, (_, id) => Math.log(scores[row * experts + id]))
    for (const row of tokens.keys()) {
      const [old, now] = [logits(before.first, row, 8), logits(after.first, row, 8)]
      const expected = old.map((z, id) => z - old[0] + (id === 3 ? 0.5 * 2 * 2 : 0))
      isNear(
        now.map((z) => z - now[0]),
        expected,
        1e-4,
        `token ${row}`,
      )
    }
    assert.not.equal(after.last, before.last)
  }))

test('what no bias can do, and a steering without spreads, are refused', () =>
  inTemporaryFolder(async (dir) => {
    const steer = (steering: unknown) => () => steerModel('nano', join(dir, 'out'), { steering, threads: 1 })
    await rejectsWithUserError(steer({ experts: ['0:mlp:1'], spreads: SPREADS }), /a bias cannot switch an expert off/)
    await rejectsWithUserError(steer({ experts: ['0:mlp:1=always'], spreads: SPREADS }), /a bias cannot/)
    await rejectsWithUserError(steer(['0:mlp:1=+1']), /the steering has no spreads of the attention experts/)
  }))

test.run()
