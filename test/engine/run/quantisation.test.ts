import { suite } from 'uvu'
import { assertLowCosts } from '../../support/quantisation-cost.js'

const test = suite('the cost of quantisation')

test('8 bits cost next to nothing and 4 bits little, on the beginning of a held-out text', () =>
  assertLowCosts('code.txt', 256))

test.run()
