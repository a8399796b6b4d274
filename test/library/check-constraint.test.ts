import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { loadModel, type Model } from '#molm/index.js'
import { thrownBy } from '../support/rejects.js'

/* Constraints are checked without a generation. */
const test = suite('the check of a constraint')

let model: Model

test.before(async () => {
  model = await loadModel('nano', { threads: 1 })
})
test.after(() => model.dispose())

test('constraints that can be followed pass, and so does none', async () => {
  await model.checkConstraint({})
  await model.checkConstraint({ schema: { type: 'object' } })
  await model.checkConstraint({ regex: 'a+' })
  await model.checkConstraint({ guide: { phases: [{ kind: 'grammar', grammar: { kind: 'text', text: 'a' } }] } })
  assert.is((await model.stats()).tokensProcessed, 0)
})

test('others are refused by what is wrong', async () => {
  const wrong = async (options: Parameters<Model['checkConstraint']>[0], message: RegExp) => {
    const error = await thrownBy(model.checkConstraint(options))
    assert.instance(error, UserError)
    assert.match((error as Error).message, message)
  }
  await wrong({ schema: { type: 'array', items: {}, uniqueItems: true } }, /`uniqueItems` is not supported/)
  await wrong({ grammar: 'start ::= "a"' }, /no rule `root`/)
  await wrong({ regex: 'a', schema: true }, /one of `schema` and `regex`, not several/)
})

test.run()
