import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ChatMessage,
  type ChatOptions,
  type ChatResult,
  type ChatStep,
  loadModel,
  type Model,
  resultOf,
  type Tool,
} from '#molm/index.js'
import { collected } from '../../support/collected.js'
import { each } from '../../support/each.js'
import { type ParrotAnswer, type ParrotFormatName, writeParrot } from '../../support/parrot-model.js'
import { rejectsWithUserError, thrownBy } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite<{ model: Model }>('a chat with tools and thoughts', {
  model: undefined as unknown as Model,
})

const BERN = { role: 'user', content: 'Weather in Bern?' }
const THOUGHTS = '<think>\nThe weather there is not known yet, so I ask the tool.\n</think>\n\n'
const CALL = '<tool_call>\n{"name": "weather", "arguments": {"place": "Bern"}}\n</tool_call>'
const [ROME, OSLO] = ['Rome', 'Oslo'].map((place) => CALL.replace('Bern', place))
const ANSWERS: ParrotAnswer[] = [
  { to: BERN.content, says: `${THOUGHTS}I look.\n${CALL}` },
  { to: 'Rome and Oslo?', says: `<think>\nTwo places.\n</think>\n\n${ROME}\n${OSLO}` },
  { to: 'Again and again?', says: CALL },
  { toTool: 'again', says: CALL },
  { toTool: true, says: '<think>\nIt is known.\n</think>\n\nIt is sunny.' },
  { says: '<think>\nA greeting.\n</think>\n\nHello!' },
]
const PARAMETERS = { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] }
const OPTIONS: ChatOptions = { temperature: 0, maxTokens: 200 }

function weather(run?: Tool['run']): Tool {
  return { name: 'weather', description: 'Weather of a place.', parameters: PARAMETERS, run }
}

function loadParrot(format: ParrotFormatName, answers: ParrotAnswer[], template?: string): Promise<Model> {
  return inTemporaryFolder(async (dir) =>
    loadModel(await writeParrot(join(dir, 'parrot'), { format, answers, template }), { threads: 1 }),
  )
}

test.before(async (context) => {
  context.model = await loadParrot('qwen3', ANSWERS)
})

test.after(({ model }) => model.dispose())

async function chat(model: Model, messages: ChatMessage[], options: ChatOptions) {
  const session = model.createSession()
  try {
    return await collected(session.chat(messages, { ...OPTIONS, ...options }))
  } finally {
    session.dispose()
  }
}

const textsOf = (steps: ChatStep[]) => {
  const texts: [kind: string, text: string][] = []
  for (const { kind, text } of steps.filter((step) => step.text !== '')) {
    if (texts.at(-1)?.[0] === kind) texts[texts.length - 1][1] += text
    else texts.push([kind, text])
  }
  return texts
}

test('thinks, calls, reads the result and answers', async ({ model }) => {
  const ran: unknown[] = []
  const told: ChatMessage[] = []
  const tool = weather((args, { id }) => {
    ran.push(args, typeof id)
    return { sky: 'clear' }
  })
  const { steps, result } = await chat(model, [BERN], { tools: [tool], onMessage: (message) => told.push(message) })
  assert.equal(ran, [{ place: 'Bern' }, 'string'])
  const [asked, toolResult, answer, ...others] = result.messages
  const [call] = asked.toolCalls ?? []
  assert.equal(asked, {
    role: 'assistant',
    content: 'I look.',
    thinking: 'The weather there is not known yet, so I ask the tool.',
    toolCalls: [{ id: call.id, name: 'weather', arguments: { place: 'Bern' } }],
  })
  assert.equal(toolResult, { role: 'tool', content: '{"sky":"clear"}', toolCallId: call.id, name: 'weather' })
  assert.equal(answer, { role: 'assistant', content: 'It is sunny.', thinking: 'It is known.' })
  assert.equal([result.message, others, told], [answer, [], result.messages])
  assert.equal(textsOf(steps), [
    ['thinking', 'The weather there is not known yet, so I ask the tool.'],
    ['content', 'I look.'],
    ['call', CALL],
    ['thinking', 'It is known.'],
    ['content', 'It is sunny.'],
  ])
  assert.is(result.text, 'It is known.It is sunny.')
  assert.is(result.finishReason, 'eos')
  assert.ok(result.cachedTokens > 0, 'the second message keeps the first question')
})

test('runs several calls of one message in order', async ({ model }) => {
  const places: unknown[] = []
  const tools = [weather(({ place }) => places.push(place))]
  const messages = [{ role: 'user', content: 'Rome and Oslo?' }]
  const { result } = await chat(model, messages, { tools })
  assert.equal(places, ['Rome', 'Oslo'])
  assert.equal(each(result.messages, 'role'), ['assistant', 'tool', 'tool', 'assistant'])
  const ids = result.messages[0].toolCalls?.map(({ id }) => id)
  assert.equal(each(result.messages.slice(1, 3), 'toolCallId'), ids)
  assert.is(new Set(ids).size, 2)
})

test('ends with the calls of a tool without handler, and continues with the results of the caller', async ({
  model,
}) => {
  const tools = [weather()]
  const { result } = await chat(model, [BERN], { tools })
  const [call] = result.message.toolCalls ?? []
  assert.equal([call.name, call.arguments], ['weather', { place: 'Bern' }])
  assert.equal(result.messages, [result.message])
  const results = [{ role: 'tool', content: 'sun', toolCallId: call.id }]
  const next = (await chat(model, [BERN, result.message, ...results], { tools })).result
  assert.is(next.message.content, 'It is sunny.')
})

test('ends with an abort while a handler hangs', async ({ model }) => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const run = () => {
    setTimeout(() => abort.abort(reason), 10)
    return new Promise(() => undefined)
  }
  assert.is(await thrownBy(chat(model, [BERN], { tools: [weather(run)], signal: abort.signal })), reason)
})

test('ends after `maxTurns` messages of the model, and leaves the last calls to the caller', async ({ model }) => {
  let runs = 0
  const run = () => {
    runs++
    return 'again'
  }
  const tools = [weather(run)]
  const messages = [{ role: 'user', content: 'Again and again?' }]
  const { result } = await chat(model, messages, { tools, maxTurns: 3, think: 'off' })
  assert.is(runs, 2)
  assert.equal(each(result.messages, 'role'), ['assistant', 'tool', 'assistant', 'tool', 'assistant'])
  assert.is(result.message.toolCalls?.length, 1)
})

test('a call that was cut off is not run', async ({ model }) => {
  let runs = 0
  const tools = [weather(() => runs++)]
  const { tokens } = (await chat(model, [BERN], { tools, maxTurns: 1 })).result
  const { result } = await chat(model, [BERN], { tools, maxTokens: tokens.length - 4 })
  assert.equal([result.finishReason, runs, result.messages.length], ['length', 0, 1])
})

const FORMS: [format: ParrotFormatName, call: string, answer: string][] = [
  ['granite4', CALL, 'It is sunny.'],
  [
    'harmony',
    '<|channel|>analysis<|message|>I ask.<|end|><|start|>assistant<|channel|>commentary to=functions.weather ' +
      '<|constrain|>json<|message|>{"place": "Bern"}<|call|>',
    '<|channel|>final<|message|>It is sunny.<|return|>',
  ],
]

for (const [format, call, answer] of FORMS) {
  test(`calls in the form of ${format}`, async () => {
    const model = await loadParrot(format, [
      { to: BERN.content, says: call },
      { toTool: true, says: answer },
    ])
    const { result } = await chat(model, [BERN], { tools: [weather(({ place }) => `sun in ${place}`)] })
    assert.equal(
      result.messages.map(({ role, content, thinking }) => [role, content, thinking]),
      [
        ['assistant', '', format === 'harmony' ? 'I ask.' : undefined],
        ['tool', 'sun in Bern', undefined],
        ['assistant', 'It is sunny.', undefined],
      ],
    )
    await model.dispose()
  })
}

test('thinks as much as it is asked to, and notes what has no effect', async ({ model }) => {
  const warnings: string[] = []
  const onWarning = (warning: string) => warnings.push(warning)
  const hi = [{ role: 'user', content: 'Hi' }]
  const asked = async (options: ChatOptions): Promise<ChatResult['message']> =>
    (await chat(model, hi, { ...options, onWarning })).result.message
  const answer = { role: 'assistant', content: 'Hello!' }
  assert.equal(await asked({}), { ...answer, thinking: 'A greeting.' })
  assert.equal(await asked({ think: 'off' }), answer)
  assert.equal(warnings, [])
  await asked({ think: 'high' })
  assert.equal(warnings, ['the model has no levels of thinking: high is the same as on'])
})

test('gives the content a form, behind thoughts', async ({ model }) => {
  const hi = [{ role: 'user', content: 'Hi' }]
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' } },
    required: ['a'],
    additionalProperties: false,
  }
  const { message } = (await chat(model, hi, { schema })).result
  assert.is(message.thinking, 'A greeting.')
  assert.ok(Number.isInteger(JSON.parse(message.content).a), message.content)
  const plain = (await chat(model, hi, { regex: '[0-9]{3}', think: 'off' })).result.message
  assert.is(plain.thinking, undefined)
  assert.match(plain.content, /^[0-9]{3}$/)
})

test('a budget of thinking ends the thoughts, and the answer follows', async ({ model }) => {
  const { length } = model.tokenizer.encode(THOUGHTS.slice(0, THOUGHTS.indexOf('</think>')), {
    addSpecialTokens: false,
  })
  const { message } = (await chat(model, [BERN], { thinkBudget: length - 2 })).result
  const { thinking = '' } = message
  const whole = 'The weather there is not known yet, so I ask the tool.'
  assert.ok(thinking !== '' && thinking !== whole && whole.startsWith(thinking), thinking)
  assert.match(message.content, 'I look.')
})

test('a call that must be made is made, and the answer after it is free', async ({ model }) => {
  const ran: unknown[] = []
  const tools = [weather((args) => ran.push(args))]
  const messages = [{ role: 'user', content: 'Hi' }]
  const { result } = await chat(model, messages, { tools, toolChoice: { name: 'weather' }, parallelToolCalls: false })
  assert.is(ran.length, 1)
  assert.type((ran[0] as { place: unknown }).place, 'string')
  assert.is(result.message.content, 'It is sunny.')
})

test('refuses wrong options', async ({ model }) => {
  const hi = [{ role: 'user', content: 'Hi' }]
  const cases: [options: object, message: RegExp][] = [
    [{ think: 'much' }, /`think` must be one of off, on, low, medium, high, not "much"/],
    [{ thinkBudget: -1 }, /`thinkBudget` must be a whole number from 0 on/],
    [{ maxTurns: 0 }, /`maxTurns` must be a whole number from 1 on/],
    [{ tools: {} }, /`tools` must be a list/],
    [{ tools: [{ name: 'a', run: 1 }] }, /`run` of a tool must be a function/],
    [{ toolChoice: 'any' }, /`toolChoice` must be one of auto, none, required/],
    [{ parallelToolCalls: 1 }, /`parallelToolCalls` must be one of/],
    [{ tools: [weather(), weather()] }, /two tools have the name weather/],
    [{ schema: true, guide: { phases: [] } }, /`guide` cannot be combined/],
  ]
  for (const [options, message] of cases) {
    await rejectsWithUserError(() => resultOf(model.createSession().chat(hi, options)), message)
  }
})

test('a template without a place for them refuses tools, and leaves system texts out with a warning', async () => {
  const end = "{{ '<|im_end|>\\n<|im_start|>assistant\\n' }}"
  const template = `{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}${end}`
  const plain = await loadParrot('chatml', [{ says: 'Hello!' }], template)
  const hi = { role: 'user', content: 'Hi' }
  const warnings: string[] = []
  const onWarning = (warning: string) => warnings.push(warning)
  const { result } = await chat(plain, [{ role: 'system', content: 'Be brief.' }, hi], { onWarning })
  assert.is(result.message.content, 'Hello!')
  assert.equal(warnings, ["the model's chat template leaves system texts out: this one has no effect"])
  const message = /the model was not trained to call tools; models of /
  await rejectsWithUserError(() => chat(plain, [hi], { tools: [weather()] }), message)
  await plain.dispose()
})

test.run()
