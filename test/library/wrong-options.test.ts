import { inspect } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, loadModel, type Model, UsageError, type UserError } from '#molm/index.js'

/** Options as a program without types passes them. */
const any = (value: unknown) => value as never

const test = suite<{ model: Model }>('wrong options', { model: undefined as unknown as Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 2 })
})

test.after(({ model }) => model.dispose())

/** Checks that a call is refused as wrong usage, with a message that names the error. */
async function refuses(call: () => unknown, pattern: RegExp): Promise<void> {
  let error: unknown
  try {
    await call()
  } catch (thrown) {
    error = thrown
  }
  assert.instance(error, UsageError, `not refused: ${pattern}`)
  assert.match((error as Error).message, pattern)
}

test('of loading are refused by name', async () => {
  await refuses(() => loadModel('nano', { quant: any('q5') }), /^`quant` must be one of f32, q8, q4, not "q5"$/)
  for (const threads of [any('2'), 0, -1, 1.5, Number.NaN, 65]) {
    const says = /^`threads` must be a whole number from 1 to 64/
    await refuses(() => loadModel('nano', { threads }), says)
    await refuses(() => convertModel('nano', '/nonexistent', { threads }), says)
  }
  await refuses(() => loadModel('nano', { memory: any('1GB') }), /^`memory` must be a number of bytes/)
  await refuses(() => loadModel('nano', { kernels: any('fast') }), /^`kernels` must be one of relaxed, plain, scalar/)
  await refuses(() => loadModel('nano', any({ thread: 2 })), /no option 'thread'; did you mean `threads`\?/)
  await refuses(() => loadModel(any(5)), /name of a model must be a text, not 5/)
  await refuses(() => convertModel('nano', '/nonexistent', { quant: any('q5') }), /^`quant` must be one of/)
})

test('a promise in place of a text or ids is refused with a hint at the missing await', async ({ model }) => {
  const session = model.createSession()
  const forgotten = Promise.resolve('Hello')
  await refuses(() => session.generate(any(forgotten)).next(), /must come as an array, not a Promise: await it$/)
  await refuses(() => session.forward(any(forgotten)), /not a Promise: await it$/)
  await refuses(() => model.tokenizer.encode(any(forgotten)), /only a text can be encoded, not a Promise: await it$/)
  await refuses(() => loadModel(any(forgotten)), /must be a text, not a Promise: await it$/)
  session.dispose()
})

test('of a session are refused by their names, and leave the session unchanged', async ({ model }) => {
  const session = model.createSession()
  const generate = (prompt: unknown, options: object) => session.generate(any(prompt), any(options)).next()
  await refuses(() => session.forward(any('text')), /token ids must come as an array, not "text"/)
  await refuses(() => session.forward([1.5]), /token 1\.5 at index 0 is not a whole number/)
  await refuses(() => session.forward([1], { logits: any('some') }), /^`logits` must be one of last, all, none/)
  await refuses(() => session.forward([1], { routes: any('yes') }), /^`routes` must be one of true, false/)
  await refuses(() => session.forward([1], any({ route: true })), /no option 'route'; did you mean `routes`\?/)
  await refuses(() => session.forward([1], any(null)), /options of forward must be an object/)
  await refuses(() => generate('x', { maxtokens: 3 }), /no option 'maxtokens'; did you mean `maxTokens`\?/)
  await refuses(() => generate('x', { colour: 'red' }), /no option 'colour'; its options are maxTokens, /)
  await refuses(() => generate('x', { routes: 'no' }), /^`routes` must be one of true, false/)
  await refuses(() => generate(5, {}), /token ids must come as an array, not 5/)
  assert.is(session.length, 0)
})

test('invalid masks and tokens are refused', async ({ model }) => {
  const messageOf = (mask: unknown) => model.maskExperts(any(mask)).catch((error: UserError) => error.message)
  assert.match((await messageOf({})) ?? '', /a mask must say which `gates` it means/)
  assert.match((await messageOf({ gates: 'some' })) ?? '', /^`gates` must be one of kept, all/)
  assert.match(
    (await messageOf({ gates: 'kept', mlp: 3 })) ?? '',
    /^`mlp` of a mask must be a list of ids for each layer/,
  )
  assert.match((await messageOf({ gates: 'kept', mlp: [[1.5]] })) ?? '', /layer 0 has no mlp expert 1\.5/)
  assert.match((await messageOf('x')) ?? '', /a mask must be an object/)
  await refuses(() => model.tokenizer.encode(any(5)), /only a text can be encoded, not 5/)
  await refuses(() => model.tokenizer.encodeAsync(any(5)), /only a text can be encoded, not 5/)
  await refuses(() => model.tokenizer.decode([1.5]), /token 1\.5 is not a whole number/)
  await refuses(() => model.tokenizer.decode(any('text')), /token "t" is not a whole number/)
  assert.is(model.tokenizer.decode([99_999]), '')
})

test('console.log shows models, sessions and tokenizers on one line', ({ model }) => {
  assert.is(inspect(model), '[Model nano q4]')
  assert.is(inspect(model.createSession()), '[Session of 0 tokens]')
  assert.is(inspect(model.tokenizer), `[Tokenizer of ${model.tokenizer.vocabSize} tokens]`)
})

test.run()
