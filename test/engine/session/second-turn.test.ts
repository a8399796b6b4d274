import * as assert from 'uvu/assert'
import { type Model, resultOf, type Session } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { suiteWithModel } from '../../support/models.js'
import { integers } from '../../support/random.js'

/*
 * Conversations with models whose caches cannot be cut off at any token: states (Granite 4, LFM2, DeltaNet) and windows
 * (gpt-oss, SmallThinker). The engine counts the tokens that it runs; without drafts these are the same in every run.
 */
const MODELS = [
  '82-lfm2moe-bf16-sharded',
  '91-granitehybrid-f32',
  '71-gptoss-bf16-sharded',
  '152-smallthinker-window-bf16-sharded',
  '171-gemma4-f32',
  '181-afmoe-f32',
  '196-qwen35moe-bf16',
  '207-zaya-bf16-sharded',
  '211-ling3-f32',
]

const ANSWER = 40
const SYSTEM = integers(60, 1, 220)
const QUESTION = integers(20, 2, 220)
const NEXT = integers(12, 3, 220)

/** Runs a turn, and returns the number of tokens that the engine ran for it, and the answer. */
async function turn(model: Model, session: Session, prompt: number[], maxTokens = ANSWER) {
  const before = (await model.stats()).tokensProcessed
  const left = prompt.slice(session.truncateToCommon(prompt))
  const options = { maxTokens, temperature: 0, ignoreEos: true, stop: [], promptLookupNumTokens: 0 }
  const { tokens } = await resultOf(session.generate(left, options))
  return { ran: (await model.stats()).tokensProcessed - before, tokens }
}

for (const name of MODELS) {
  const test = suiteWithModel(`a conversation with ${name}`, fixturePath(name), { quant: 'q4', threads: 1 })
  const first = [...SYSTEM, ...QUESTION]

  test('reads only what is new in its second turn', async ({ model }) => {
    const session = model.createSession()
    const { ran, tokens } = await turn(model, session, first)
    assert.is(ran, first.length + ANSWER - 1)
    // The answer's last token has not been read yet.
    const second = await turn(model, session, [...first, ...tokens, ...NEXT])
    assert.is(second.ran, 1 + NEXT.length + ANSWER - 1)
    assert.equal(second.tokens, (await turn(model, model.createSession(), [...first, ...tokens, ...NEXT])).tokens)
  })

  test('repeats an answer, and goes back a turn, with few tokens read again', async ({ model }) => {
    const session = model.createSession()
    const { tokens } = await turn(model, session, first)
    const again = await turn(model, session, first)
    assert.equal(again.tokens, tokens)
    assert.is(again.ran, 1 + ANSWER - 1)
    await turn(model, session, [...first, ...tokens, ...NEXT])
    const other = await turn(model, session, [...first, ...tokens, ...integers(9, 8, 220)])
    assert.ok(other.ran <= ANSWER + 1 + 9 + ANSWER - 1, `${other.ran} tokens`)
  })

  test('keeps its checkpoints when it is exported and imported', async ({ model }) => {
    const session = model.createSession()
    const { tokens } = await turn(model, session, first)
    const other = model.createSession()
    await other.importCache(await session.exportCache())
    assert.equal(other.tokens, session.tokens)
    const again = await turn(model, other, first)
    assert.equal(again.tokens, tokens)
    assert.is(again.ran, 1 + ANSWER - 1)
  })

  test('is read as the chat does it: the prompt first, then an answer to no more tokens', async ({ model }) => {
    const session = model.createSession()
    await session.forward(first.slice(0, -16), { logits: 'none' })
    await session.forward(first.slice(-16), { logits: 'none', routes: true })
    const before = (await model.stats()).tokensProcessed
    const options = { maxTokens: ANSWER, temperature: 0, ignoreEos: true, promptLookupNumTokens: 0 }
    const { tokens } = await resultOf(session.generate([], options))
    assert.is((await model.stats()).tokensProcessed - before, ANSWER)
    assert.equal(tokens, (await turn(model, model.createSession(), first)).tokens)
  })

  test('reports tokens that had to be read again', async ({ model }) => {
    const session = model.createSession()
    await session.forward(integers(200, 5, 220), { logits: 'none' })
    session.truncate(100)
    assert.is(session.length, 100)
    const generation = session.generate([7], { maxTokens: 2, ignoreEos: true })
    let step = await generation.next()
    while (!step.done) step = await generation.next()
    assert.is(step.value.readAgain, 100)
    assert.is(step.value.promptTokens, 1)
  })

  test.run()
}
