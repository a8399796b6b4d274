import * as assert from 'uvu/assert'
import { type Intervention, type Model, resultOf } from '#molm/index.js'
import { sameBits } from '../../support/compare.js'
import { suiteWithModel } from '../../support/models.js'
import { normalFloats } from '../../support/random.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const test = suiteWithModel('interventions of sessions')

const OFF: Intervention[] = [{ layer: 1, part: 'residual', tokens: [3, 9], replace: 'zero' }]

async function logitsOf(model: Model, tokens: number[], interventions?: Intervention[]): Promise<Float32Array> {
  const session = model.createSession({ interventions })
  const { logits } = await session.forward(tokens)
  session.dispose()
  return logits
}

test('they hold for every call, for tokens that are read again, and in forks, and for no other session', async ({
  model,
}) => {
  const tokens = model.tokenizer.encode('The lantern is lit, and the house is warm.')
  const plain = await logitsOf(model, tokens)
  const changed = await logitsOf(model, tokens, OFF)
  assert.not.equal(changed, plain)
  const session = model.createSession({ interventions: OFF })
  const other = model.createSession()
  await session.forward(tokens.slice(0, 8))
  const fork = await session.fork({ length: 2 })
  const [inPieces, together, forked] = await Promise.all([
    session.forward(tokens.slice(8)),
    other.forward(tokens),
    fork.forward(tokens.slice(2)),
  ])
  sameBits(inPieces.logits, changed, 'in pieces')
  sameBits(together.logits, plain, 'another session')
  sameBits(forked.logits, changed, 'in a fork')
  session.truncate(4)
  sameBits((await session.forward(tokens.slice(4))).logits, changed, 'read again')
  for (const one of [session, other, fork]) one.dispose()
})

test('they hold for the tokens of an answer', async ({ model }) => {
  const prompt = model.tokenizer.encode('Once upon a time')
  const at = prompt.length + 2
  const vector = normalFloats(model.config.width, 7)
  const session = model.createSession({
    interventions: [{ layer: 5, part: 'residual', tokens: [at], replace: vector }],
  })
  const { tokens } = await resultOf(session.generate(prompt, { temperature: 0, maxTokens: 6, ignoreEos: true }))
  const { logits } = await model.createSession().forward([...prompt, ...tokens.slice(0, 2)])
  assert.is(tokens[2], logits.indexOf(Math.max(...logits)), 'the token before it is as without')
  const [{ up }] = await model.readOut([vector], { top: 1 })
  assert.is(tokens[3], up[0].token, 'what follows is what the head reads of the vector')
  session.dispose()
})

test('entries that are wrong or do not fit are refused by number', async ({ model }) => {
  const { width } = model.config
  const mlp = { layer: 2, part: 'mlp' } as const
  const wrong: [entry: unknown, message: RegExp][] = [
    ['off', /^interventions\[1\]: must be an object$/],
    [{ ...mlp, replace: 'zero', token: 3 }, /"token" is unknown; the fields are layer, part/],
    [{ ...mlp, layer: 6, replace: 'zero' }, /"layer" must be a number from 0 to 5/],
    [{ ...mlp, part: 'norm', replace: 'zero' }, /"part" must be attention or mlp or residual/],
    [mlp, /needs "replace", "route" or "weights"/],
    [{ ...mlp, expert: 24, replace: 'zero' }, /"expert" must be a number from 0 to 23/],
    [{ ...mlp, tokens: [], replace: 'zero' }, /"tokens" must be "all" or a list of different positions/],
    [{ ...mlp, tokens: [1, 1], replace: 'zero' }, /"tokens" must be/],
    [{ ...mlp, replace: [1, 2] }, new RegExp(`"replace" must be "zero" or ${width} numbers$`)],
    [{ ...mlp, tokens: [1, 2], replace: [1, Number.NaN] }, /or 2 times as many$/],
    [{ ...mlp, route: [1, 2, 3] }, /"route" must be a list of 4 experts that the token chooses, from 0 to 23/],
    [{ ...mlp, expert: 3, route: [1, 2, 3, 4] }, /"route" goes without "expert"/],
    [{ ...mlp, weights: [1, 2] }, /"weights" must be a list of 4 numbers/],
    [{ ...mlp, expert: 1, weights: [1, 2, 3, 4] }, /"weights" must be a list of 1 numbers/],
    [{ layer: 2, part: 'residual', expert: 1, replace: 'zero' }, /"expert" is for experts/],
  ]
  for (const [entry, message] of wrong) {
    const interventions = [OFF[0], entry] as Intervention[]
    await rejectsWithUserError(() => model.createSession({ interventions }), message)
  }
  await rejectsWithUserError(() => model.createSession({ interventions: {} as [] }), /interventions must be a list/)
})

test.run()
