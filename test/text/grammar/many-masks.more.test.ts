import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareMasks } from './random-masks.js'

const test = suite('masks of many grammars')

test('they have exactly the tokens that continue a text of a random grammar', async () => {
  const masks = await compareMasks(2500, 8)
  assert.ok(masks > 4000, `${masks} masks`)
})

test.run()
