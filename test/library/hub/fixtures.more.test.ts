import { test } from 'uvu'
import { FIXTURES } from '../../support/fixtures.js'
import { isPulledRight } from './pulled-right.js'

for (const fixture of FIXTURES.filter((name) => !/^0[13]/.test(name))) {
  test(`${fixture}: pulled from the hub, it has the weights of a conversion`, () => isPulledRight(fixture))
}

test.run()
