import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TextStream } from '#molm/engine/session/generation/text-stream.js'
import { type GenerateOptions, loadModel, type Model, type Session } from '#molm/index.js'
import { BYTE_ALPHABET } from '#molm/model/checkpoint/byte-pair-forms.js'
import { collected } from '../../support/collected.js'
import { sameBits } from '../../support/compare.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite<{ model: Model; tokens: number[]; stop: string[] }>('text that is held back', {
  model: undefined as unknown as Model,
  tokens: [],
  stop: [],
})

const HELLO = 'User: Hello\nAssistant:'
const GREEDY: GenerateOptions = { temperature: 0, maxTokens: 30 }

/** Finds nano's answer to HELLO, and a stop string that begins with its tokens 4 to 7 and never ends. */
test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 2 })
  const { result } = await generate(context.model.createSession(), { ...GREEDY, stop: [] })
  context.tokens = result.tokens
  context.stop = [`${context.model.tokenizer.decode(result.tokens.slice(4, 8))}, which never comes`]
})

test.after(({ model }) => model.dispose())

const generate = (session: Session, options: GenerateOptions) => collected(session.generate(HELLO, options))

test('is in the last step: all steps’ texts joined are the whole text', async ({ model, tokens, stop }) => {
  // After 5 to 8 tokens, the text ends with the beginning of the stop string.
  for (const maxTokens of [1, 4, 5, 6, 7, 8, 9]) {
    for (const routes of [false, true]) {
      const session = model.createSession()
      const { steps, result } = await generate(session, { ...GREEDY, maxTokens, stop, routes })
      assert.is(result.text, model.tokenizer.decode(tokens.slice(0, maxTokens)))
      assert.is(steps.map(({ text }) => text).join(''), result.text)
      assert.equal(
        steps.map(({ index, token }) => [index, token]),
        [...result.tokens.entries()],
      )
      assert.is(session.length, result.promptTokens + maxTokens - 1)
      session.dispose()
    }
  }
})

test('is in the last step also if an end-of-text token ends the text', async ({ model }) => {
  const prompt = model.tokenizer.encode('export default')
  const options = { temperature: 0, maxTokens: 60 }
  const free = await collected(model.createSession().generate(prompt, { ...options, stop: [] }))
  const stop = [`${model.tokenizer.decode(free.result.tokens.slice(-2))}, which never comes`]
  const session = model.createSession()
  const { steps, result } = await collected(session.generate(prompt, { ...options, stop }))
  assert.is(result.finishReason, 'eos')
  assert.is(result.text, free.result.text)
  assert.is(steps.map(({ text }) => text).join(''), result.text)
  assert.equal(session.tokens, [...prompt, ...result.tokens])
})

test('becomes a replacement character if the text ends within a character', ({ model }) => {
  const euro = [...Buffer.from('€')].map((byte) => model.tokenizer.idOf(BYTE_ALPHABET[byte]) ?? -1)
  const stream = new TextStream(model.tokenizer, ['never'])
  assert.equal(
    euro.map((id) => [stream.push(id), stream.isHolding]),
    [
      ['', true],
      ['', true],
      ['€', false],
    ],
  )
  stream.push(euro[0])
  assert.is(stream.flush(), '\ufffd')
  assert.is(stream.isHolding, false)
  assert.is(stream.text, '€\ufffd')
})

test('does not count if the reader leaves or aborts: the session keeps the steps that came', async ({
  model,
  stop,
}) => {
  const prompt = model.tokenizer.encode(HELLO)
  for (const isAbort of [false, true]) {
    for (const last of [4, 5, 6]) {
      const session = model.createSession()
      const controller = new AbortController()
      const came: number[] = []
      const read = async () => {
        for await (const { token } of session.generate(prompt, { ...GREEDY, stop, signal: controller.signal })) {
          came.push(token)
          if (came.length < last) continue
          if (!isAbort) break
          controller.abort(new Error('enough'))
        }
      }
      assert.is(String(await thrownBy(read())), isAbort ? 'Error: enough' : 'undefined')
      assert.is(came.length, last)
      assert.equal(session.tokens, [...prompt, ...came.slice(0, -1)])
      const { logits } = await session.forward([100])
      const again = await model.createSession().forward([...prompt, ...came.slice(0, -1), 100])
      sameBits(logits, again.logits)
    }
  }
})

test.run()
