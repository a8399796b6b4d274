import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { logprobOf } from '#molm/engine/sampling/logprobs.js'
import { loadModel, type Model } from '#molm/index.js'
import { evaluateTask, parseTask, readText, type TaskItem } from '#molm/lab/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { assertClose } from './close.js'

const test = suite<{ model: Model }>('task')

test.before(async (context) => {
  context.model = await loadModel('nano', { quant: 'f32' })
})
test.after(({ model }) => model.dispose())

/** Log-likelihoods of one question's choices. */
async function score(model: Model, item: Partial<TaskItem>): Promise<number[]> {
  const whole = {
    context: 'User: What is tea?\nAssistant:',
    choices: ['Tea.', 'No.'],
    answer: 0,
    delimiter: ' ',
    ...item,
  }
  return (await evaluateTask(model, { name: 'task', items: [whole], lines: [1] })).loglikelihoods[0]
}

/** The same from one pass over all tokens. */
async function scorePlainly(model: Model, context: number[], continuation: number[]): Promise<number> {
  const session = model.createSession()
  const { logits } = await session.forward([...context, ...continuation], { logits: 'all' })
  session.dispose()
  const V = model.config.vocabSize
  const row = (i: number) => logits.subarray(i * V, (i + 1) * V)
  return continuation.reduce((sum, token, i) => sum + logprobOf(row(context.length - 1 + i), token), 0)
}

test('accuracy and all log-likelihoods equal the reference implementation’s', async ({ model }) => {
  const expected = JSON.parse(await readFile(fixturePath('texts/expected.json'), 'utf8')).tasks.definitions
  const task = parseTask(await readText(fixturePath('texts/definitions.jsonl')))
  const result = await evaluateTask(model, task)
  assert.is(result.items, expected.items)
  assert.is(result.acc, expected.acc)
  assert.is(result.accNorm, expected.acc_norm)
  for (const [i, sums] of result.loglikelihoods.entries()) {
    for (const [c, sum] of sums.entries()) assertClose(sum, expected.loglikelihoods[i][c], 2e-4)
  }
})

test('choices with a common beginning, or that begin with one another, score as each does alone', async ({ model }) => {
  const context = 'User: What is tea?\nAssistant:'
  const choices = ['Tea is a drink.', 'Tea is a drink', 'Tea is a drink of leaves.', 'Tea is']
  const { tokenizer } = model
  const start = tokenizer.encode(context)
  const sums = await score(model, { context, choices })
  for (const [i, choice] of choices.entries()) {
    const tokens = tokenizer.encode(`${context} ${choice}`).slice(start.length)
    assertClose(sums[i], await scorePlainly(model, start, tokens), 1e-6 * tokens.length)
  }
})

test('items score in sequence as they do alone, whatever their contexts share', async ({ model }) => {
  const contexts = ['User: What is tea?\nAssistant:', 'User: What is tea?', 'User: What is a cup?\nAssistant:', 'Tea']
  const items = contexts.map((context) => ({ context, choices: ['A cup.', 'Tea is good.'], answer: 0, delimiter: ' ' }))
  const together = await evaluateTask(model, { name: 'task', items, lines: [1, 2, 3, 4] })
  for (const [i, context] of contexts.entries()) {
    assert.equal(together.loglikelihoods[i], await score(model, { context, choices: items[i].choices }))
  }
})

test('a long beginning of all items runs once, and changes no bit', async ({ model }) => {
  const beginning = 'User: What is a cup?\nAssistant: A cup is a thing that people drink tea from.\n'
  assert.ok(model.tokenizer.encode(beginning).length > 16)
  const item = (question: string) => {
    const context = `${beginning}User: What is ${question}?\nAssistant:`
    return { context, choices: ['Tea is a drink.', 'A cup.', 'No'], answer: 0, delimiter: ' ' }
  }
  const items = ['tea', 'tea', 'a pot', 'the sea', 'tea or milk'].map(item)
  const before = (await model.stats()).tokensProcessed
  const together = await evaluateTask(model, { name: 'task', items, lines: [1, 2, 3, 4, 5] })
  const tokens = (await model.stats()).tokensProcessed - before
  let apart = 0
  for (const [i, one] of items.entries()) {
    assert.equal(together.loglikelihoods[i], await score(model, one))
    apart += model.tokenizer.encode(one.context).length
  }
  assert.ok(tokens < apart, `${tokens} tokens; the contexts alone have ${apart}`)
})

test('blanks at the end of the context belong to the continuation', async ({ model }) => {
  const { tokenizer } = model
  const start = tokenizer.encode('User:')
  const tokens = tokenizer.encode('User:  Hello').slice(start.length)
  const [sum] = await score(model, { context: 'User: ', choices: ['Hello', 'Bye'] })
  assertClose(sum, await scorePlainly(model, start, tokens), 1e-6 * tokens.length)
})

test('an empty context becomes the token that begins a text', async ({ model }) => {
  const tokens = model.tokenizer.encode(' Hello there')
  const [sum] = await score(model, { context: '', choices: ['Hello there', 'Bye'] })
  assertClose(sum, await scorePlainly(model, [4095], tokens), 1e-6 * tokens.length)
})

test('acc_norm divides by characters, not by UTF-16 code units', async ({ model }) => {
  // About -54 nats for each emoji, which is two code units, and -46 for each accented letter.
  const item = { context: 'User: smile!\nAssistant:', choices: ['😀😀😀😀', 'éé'], answer: 1, delimiter: ' ' }
  const { accNorm } = await evaluateTask(model, { name: 'task', items: [item], lines: [1] })
  assert.is(accNorm, 1)
})

test('malformed items are refused with their line number', async () => {
  const refused = async (line: string, pattern: RegExp) => {
    const good = '{"context":"a","choices":["b","c"],"answer":1}'
    await rejectsWithUserError(() => parseTask({ name: 't.jsonl', text: `${good}\n\n${line}\n` }), pattern)
  }
  await refused('{"context":"a"', /^t\.jsonl: line 3: not valid JSON/)
  await refused('[1]', /line 3/)
  await refused('{"context":1,"choices":["b","c"],"answer":1}', /line 3: "context" must be a text/)
  await refused('{"context":"a","choices":["b"],"answer":0}', /line 3: "choices" must be a list of at least two/)
  await refused('{"context":"a","choices":["b",""],"answer":0}', /line 3: "choices"/)
  await refused('{"context":"a","choices":["b","c"],"answer":2}', /line 3: "answer" must be the index .* 0 to 1/)
  await refused('{"context":"a","choices":["b","c"],"answer":"0"}', /line 3: "answer"/)
  await refused('{"context":"a","choices":["b","c"],"answer":0,"delimiter":1}', /line 3: "delimiter" must be a text/)
  await rejectsWithUserError(() => parseTask({ name: 't.jsonl', text: '\n' }), /t\.jsonl: has no items/)
})

test.run()
