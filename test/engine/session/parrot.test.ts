import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RenderOptions, TemplateMessage } from '#molm/api/text.js'
import { eventsOf, type Model, resultOf } from '#molm/index.js'
import { withModel } from '../../support/models.js'
import { type ParrotAnswer, type ParrotFormatName, writeParrot } from '../../support/parrot-model.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/*
 * Tests of answers that think and call tools read what a parrot says: it must say its scripts.
 */

const test = suite('a parrot')

const BERN = { role: 'user', content: 'What is the weather in Bern?' }
const CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bern"}}\n</tool_call>'
const CALLS = `${CALL}\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>`
const called = {
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: { city: 'Bern' } } }],
}
const RESULT = { role: 'tool', content: '21 degrees', name: 'get_weather', tool_call_id: 'call_1' }

async function withParrot(
  format: ParrotFormatName,
  answers: readonly ParrotAnswer[],
  use: (model: Model) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const path = await writeParrot(join(dir, 'parrot'), { format, answers })
    await withModel(path, { threads: 1 }, use)
  })
}

/** All that the model says to the messages, special tokens too. `begun` is the beginning of the answer. */
async function said(
  model: Model,
  messages: TemplateMessage[],
  args: RenderOptions['args'] = {},
  begun = '',
): Promise<string> {
  const prompt = await model.chatTemplate?.render(messages, { addGenerationPrompt: true, args })
  const ids = model.tokenizer.encode(`${prompt}${begun}`, { addSpecialTokens: false })
  const session = model.createSession()
  try {
    for await (const { result } of eventsOf(session.generate(ids, { temperature: 0.8, maxTokens: 200 }))) {
      if (result) return `${result.text} ${result.finishReason}`
    }
  } finally {
    session.dispose()
  }
  return ''
}

const THOUGHTS = '<think>\nThe user wants the weather. I ask the tool for it.\n</think>\n\n'
const ANSWERS = [
  { says: '<think>\nA greeting.\n</think>\n\nHello! How are you?' },
  { to: BERN.content, says: THOUGHTS + CALLS },
  { toTool: true, says: '<think>\nThe tool has answered.\n</think>\n\nIt is 21 degrees in Bern.' },
  { toTool: 'rain', says: 'Take an umbrella.' },
] as const

test("says what its script has for a question, a tool's result and all else", () =>
  withParrot('qwen3', ANSWERS, async (model) => {
    assert.is(await said(model, [{ role: 'user', content: 'Hi' }]), `${ANSWERS[0].says} eos`)
    assert.is(await said(model, [BERN]), `${THOUGHTS}${CALLS} eos`)
    assert.is(await said(model, [BERN, called, RESULT]), `${ANSWERS[2].says} eos`)
    assert.is(await said(model, [BERN, called, { ...RESULT, content: 'much rain' }]), 'Take an umbrella. eos')
    assert.is(await said(model, [BERN, called, RESULT, BERN]), `${THOUGHTS}${CALLS} eos`)
    const off = { enable_thinking: false }
    assert.is(await said(model, [BERN, called, RESULT], off), 'It is 21 degrees in Bern. eos')
    for (const begun of ['<think>\nThe user wants', '<think>']) {
      assert.is(await said(model, [BERN], {}, `${begun}\n</think>\n\n`), `${CALLS} eos`, begun)
    }
  }))

/** Calls in the notations of families, with thoughts before if they have some. */
const NOTATIONS: Partial<Record<ParrotFormatName, string>> = {
  'qwen3-coder': '<tool_call>\n<function=weather>\n<parameter=place>\nBern\n</parameter>\n</function>\n</tool_call>',
  'lfm2.5': '<think>To Bern.</think>\n\n<|tool_call_start|>[weather(place="Bern")]<|tool_call_end|>',
  gemma4: '<|channel>thought\nTo Bern.<channel|>\n\n<|tool_call>call:weather{place:<|"|>Bern<|"|>}<tool_call|>',
  harmony:
    '<|channel|>analysis<|message|>To Bern.<|end|><|start|>assistant<|channel|>commentary to=functions.weather' +
    ' <|constrain|>json<|message|>{"place": "Bern"}<|call|>',
}

/** Answers after the result. */
const FINALS: Partial<Record<ParrotFormatName, string>> = {
  'lfm2.5': '<think>Done.</think>\n\nIt is sunny.',
  gemma4: '<|channel>thought\nDone.<channel|>\n\nIt is sunny.',
  harmony: '<|channel|>final<|message|>It is sunny.',
}

for (const [name, says] of Object.entries(NOTATIONS)) {
  const format = name as ParrotFormatName
  test(`calls a tool and answers in a chat in the form of ${format}`, () => {
    const answers = [
      { says },
      { toTool: format === 'lfm2.5' ? 'sun' : true, says: FINALS[format] ?? 'It is sunny.' },
    ] as const
    return withParrot(format, answers, async (model) => {
      const session = model.createSession()
      const asked: unknown[] = []
      const tool = {
        name: 'weather',
        parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
        run: (args: object) => {
          asked.push(args)
          return 'sun'
        },
      }
      const think = says.includes('To Bern') ? { think: 'on' as const } : {}
      const result = await resultOf(session.chat([BERN], { tools: [tool], temperature: 0, maxTokens: 100, ...think }))
      assert.equal(asked, [{ place: 'Bern' }])
      assert.is(result.message.content, 'It is sunny.')
      assert.is(result.messages[0].thinking, says.includes('To Bern') ? 'To Bern.' : undefined)
    })
  })
}

test.run()
