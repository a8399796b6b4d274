import * as assert from 'uvu/assert'
import { type ChatOptions, eventsOf, resultOf, type Session } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { LANTERN } from '../../support/lantern.js'
import { suiteWithModel, withModel } from '../../support/models.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'

const test = suiteWithModel('a chat')

const ASKED = { role: 'user', content: LANTERN.question }
const ANSWER = { role: 'assistant', content: LANTERN.answer } as const
const OPPOSITE = { role: 'user', content: 'What is the opposite of hot?' }
const GREEDY: ChatOptions = { temperature: 0 }

async function chat(session: Session, messages: { role: string; content: string }[], options = GREEDY) {
  const texts: string[] = []
  for await (const { step, result } of eventsOf(session.chat(messages, options))) {
    if (result) return { texts, result }
    assert.is(step.kind, 'content')
    texts.push(step.text)
  }
  throw new Error('a chat ends with its result')
}

test('answers through the template, up to the end of the turn, without blanks around the answer', async ({ model }) => {
  const session = model.createSession()
  const { texts, result } = await chat(session, [ASKED])
  assert.equal(result.message, ANSWER)
  assert.is(result.text, ANSWER.content)
  assert.is(texts.join(''), ANSWER.content)
  assert.is.not(result.finishReason, 'length')
  const prompt = model.tokenizer.encode(LANTERN.prompt, { addSpecialTokens: false })
  assert.is(result.promptTokens, prompt.length)
  // The token that completes a stop string is not run.
  const ran = result.finishReason === 'stop' ? result.tokens.slice(0, -1) : result.tokens
  assert.equal(session.tokens, [...prompt, ...ran])
})

test('runs only the new tokens of the next turn, and answers as if it had run all', async ({ model }) => {
  const session = model.createSession()
  const first = (await chat(session, [ASKED])).result
  const messages = [ASKED, first.message, OPPOSITE]
  let run = 0
  const options = { ...GREEDY, onPromptProgress: ({ total }: { total: number }) => (run = total) }
  const { result } = await chat(session, messages, options)
  assert.ok(result.cachedTokens >= first.promptTokens + 10, `${result.cachedTokens} cached`)
  assert.is(run, result.promptTokens - result.cachedTokens)
  const fresh = (await chat(model.createSession(), messages)).result
  assert.is(fresh.cachedTokens, 0)
  assert.is(result.message.content, 'The opposite of hot is cold.')
  assert.equal([result.tokens, result.promptTokens], [fresh.tokens, fresh.promptTokens])
})

test('runs only the last token of a question that is asked again', async ({ model }) => {
  const session = model.createSession()
  const first = (await chat(session, [ASKED])).result
  const again = (await chat(session, [ASKED])).result
  assert.is(again.cachedTokens, first.promptTokens - 1)
  assert.equal(again.message, first.message)
})

test('continues an answer that has been begun', async ({ model }) => {
  const begun = { role: 'assistant', content: LANTERN.answer.slice(0, 12) }
  const { texts, result } = await chat(model.createSession(), [ASKED, begun])
  assert.is(begun.content + texts.join(''), ANSWER.content)
  assert.equal(result.message, ANSWER)
  assert.is(result.text, texts.join(''))
})

test('ends at a stop string of the model or the caller, and after `maxTokens`', async ({ model }) => {
  const own = (await chat(model.createSession(), [{ role: 'user', content: 'Hello' }], { ...GREEDY, stop: ['?!'] }))
    .result
  assert.is.not(own.finishReason, 'length')
  assert.not.match(own.message.content, /User:/)
  const end = LANTERN.answer.slice(20, 28)
  const stopped = (await chat(model.createSession(), [ASKED], { ...GREEDY, stop: [end] })).result
  assert.is(stopped.message.content, LANTERN.answer.split(end)[0].trimEnd())
  const { texts, result } = await chat(model.createSession(), [ASKED], { ...GREEDY, maxTokens: 5 })
  assert.is(result.finishReason, 'length')
  assert.is(result.tokens.length, 5)
  assert.is(texts.join(''), result.message.content)
  assert.ok(ANSWER.content.startsWith(result.message.content))
})

test('refuses wrong messages and options', async ({ model }) => {
  const session = model.createSession()
  const wrong: [unknown, object, RegExp][] = [
    [[], {}, /must have a message/],
    ['What?', {}, /must be a list/],
    [[{ role: 'user' }], {}, /content" is missing/],
    [[{ role: 'pirate', content: 'Ahoy' }], {}, /role" must be system/],
    [[ASKED], { temperatur: 1 }, /chat has no option 'temperatur'; did you mean `temperature`/],
    [[ASKED], { topP: 2 }, /`topP` must be between/],
  ]
  for (const [messages, options, pattern] of wrong) {
    await rejectsWithUserError(() => resultOf(session.chat(messages as [], options)), pattern)
  }
  session.dispose()
  assert.match(String(await thrownBy(resultOf(session.chat([ASKED])))), /disposed/)
})

test('is refused by a model without a template, with a hint at generate', () =>
  withModel(fixturePath('01-base-bin-f32'), { threads: 1 }, async (model) => {
    const chat = () => resultOf(model.createSession().chat([ASKED]))
    await rejectsWithUserError(chat, /no chat template.*`generate`/)
  }))

test('a session disposed of while its prompt is encoded starts no request', async ({ model }) => {
  const session = model.createSession()
  const { cacheBytes } = await model.stats()
  const rejected = thrownBy(resultOf(session.generate('lantern '.repeat(20_000), { maxTokens: 1 })))
  session.dispose()
  assert.match(String(await rejected), /disposed/)
  assert.is((await model.stats()).cacheBytes, cacheBytes)
})

test.run()
