import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { preparedModel } from '#molm/library/finding/resolve-model.js'
import { layoutOf } from '#molm/model/families/index.js'
import { planBanks } from '#molm/model/weights/bank-plan.js'

const test = suite('banks')

// same-bits.matrix.test.ts shows that several banks give the same bits as one.
test('a plan keeps to its budget and to the size of a bank', async () => {
  const { config, formats } = await preparedModel('nano')
  const layout = layoutOf(config, formats)
  for (const bankBytes of [layout.bytes / 4, layout.bytes / 2, undefined]) {
    for (let budget = 0; budget <= layout.bytes; budget += 40_000) {
      const { slots, bytes, bankOfLayer } = planBanks(layout, budget, bankBytes)
      const isLeast = slots.every(({ attention, mlp }) => attention?.slots === 8 && mlp?.slots === 24)
      assert.ok(bytes <= budget || isLeast, `${bytes} of ${budget}`)
      assert.ok(slots.every(({ attention, mlp }) => attention && mlp && attention.slots >= 8 && mlp.slots >= 24))
      assert.equal(bankOfLayer, [...bankOfLayer].sort())
      assert.is(bankOfLayer.at(-1), slots.length - 1)
    }
    assert.is(planBanks(layout, Number.POSITIVE_INFINITY, bankBytes).bytes, layout.bytes)
  }
})

test.run()
