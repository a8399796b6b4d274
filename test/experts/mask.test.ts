import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withModel } from '../support/models.js'
import { rejectsWithUserError } from '../support/rejects.js'

const everyLayer = (ids: number[]) => Array.from({ length: 6 }, () => ids)
const options = { logits: 'none', routes: true, probabilities: true } as const

test('masked experts are not chosen, and gates come from the requested softmax', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    const tokens = model.tokenizer.encode('Once upon a time')
    const run = async () => (await model.createSession().forward(tokens, options)).routes?.[0].attention
    const free = await run()
    const all = free?.probabilities ?? new Float32Array(0)
    const outs = [0, 3, 5]
    const left = [1, 2, 4, 6, 7]
    for (const gates of ['all', 'kept'] as const) {
      await model.maskExperts({ attention: everyLayer(outs), mlp: everyLayer([]), gates })
      const masked = await run()
      for (let t = 0; t < tokens.length; t++) {
        const p = (id: number) => all[t * 8 + id]
        const ranked = [...left].sort((a, b) => p(b) - p(a))
        const sum = gates === 'all' ? 1 : left.reduce((total, id) => total + p(id), 0)
        for (let slot = 0; slot < 2; slot++) {
          assert.is(masked?.ids[2 * t + slot], ranked[slot])
          const gate = masked?.gates[2 * t + slot] ?? 0
          assert.ok(Math.abs(gate - p(ranked[slot]) / sum) < 1e-6)
        }
      }
    }
    await model.maskExperts()
    assert.equal(await run(), free)
  }))

test('masks that leave too few experts, or name one that does not exist, are refused', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    const none = everyLayer([])
    const tooMany = [...none.slice(1), [0, 1, 2, 3, 4, 5, 6]]
    await rejectsWithUserError(
      () => model.maskExperts({ attention: tooMany, mlp: none, gates: 'kept' }),
      /layer 5 would have 1 attention experts left, but a token uses 2/,
    )
    await rejectsWithUserError(
      () => model.maskExperts({ attention: none, mlp: everyLayer([24]), gates: 'kept' }),
      /layer 0 has no mlp expert 24/,
    )
  }))

test.run()
