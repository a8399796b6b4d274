import { suite } from 'uvu'
import { assertLowCosts } from '../../support/quantisation-cost.js'

const test = suite('the cost of quantisation')

for (const file of ['dialogue.txt', 'speeches.txt']) {
  test(`8 bits cost next to nothing and 4 bits little: ${file}`, () => assertLowCosts(file, 1024))
}

test.run()
