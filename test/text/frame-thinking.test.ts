import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Think } from '#molm/api/chat-options.js'
import { messageText } from '#molm/ground/message.js'
import { type ChatFrameOptions, thinkingChoices, writeChat } from '#molm/text/chat-frame.js'
import { CALLED, type Family, familyTemplate, framedBy, HI, WEATHER } from './framed.js'

const test = suite('thinking in prompts')

const CLOSED = '<think>\n\n</think>\n\n'

/** End of a prompt behind the beginning of the answer, and notes. */
async function endOf(family: Family, options: ChatFrameOptions): Promise<[end: string, notes: string[]]> {
  const { text, notes } = await framedBy(family, HI, options)
  const beginning = /<\|(?:im_start|start)\|>assistant\n?|<\|turn>model\n|<\|assistant\|>|assistant<\|end_of_role\|>/
  return [text.slice(text.search(beginning)).replace(beginning, ''), notes.map((note) => messageText(note))]
}

test('a template with a switch is given its value', async () => {
  const cases: [family: Family, think: Think, end: string][] = [
    ['qwen3', 'off', CLOSED],
    ['qwen3', 'on', ''],
    ['gemma4', 'off', '<|channel>thought\n<channel|>'],
    ['gemma4', 'on', ''],
    ['glm', 'off', '\n<think></think>'],
    ['glm', 'on', ''],
    ['qwen3.5', 'off', CLOSED],
    ['qwen3.5', 'on', '<think>\n'],
  ]
  for (const [family, think, end] of cases) {
    assert.equal(await endOf(family, { think }), [end, []], `${family} ${think}`)
  }
  assert.match((await framedBy('granite3.3', HI, { think: 'on' })).text, 'Write your thoughts between <think></think>')
  assert.not.match((await framedBy('granite3.3', HI, { think: 'off' })).text, '<think>')
  assert.equal((await framedBy('granite3.3', HI, { think: 'on' })).notes, [])
})

test('a switch that has no effect in this conversation is none: the prompt is compared, not the template', async () => {
  const { text, notes } = await framedBy('granite3.3', HI, { system: 'Be brief.', think: 'off' })
  assert.ok(text.endsWith(`assistant<|end_of_role|>${CLOSED}`))
  assert.match(notes.join(), /^granite3\.3 has no switch for thinking/)
})

test('a level without effect is noted, and means on', async () => {
  const note = (family: string) => `${family} has no levels of thinking: high is the same as on`
  assert.equal(await endOf('qwen3', { think: 'high' }), ['', [note('qwen3')]])
  assert.equal(await endOf('qwen3-next', { think: 'high' }), ['<think>\n', [note('qwen3-next')]])
  assert.equal(await endOf('gemma4', { think: 'high' }), ['', [note('gemma4')]])
})

test("gpt-oss has levels, and 'off' is the lowest with closed thoughts", async () => {
  for (const think of ['low', 'medium', 'high'] as const) {
    const { text, notes } = await framedBy('harmony', HI, { think })
    assert.match(text, `Reasoning: ${think}\n`)
    assert.ok(text.endsWith('<|start|>assistant'))
    assert.equal(notes, [])
  }
  const off = await framedBy('harmony', HI, { think: 'off' })
  assert.match(off.text, 'Reasoning: low\n')
  const closed = '<|start|>assistant<|channel|>analysis<|message|><|end|><|start|>assistant'
  assert.ok(off.text.endsWith(`${closed}<|channel|>final<|message|>`))
  assert.match(off.notes.join(), /^harmony cannot turn thinking off: it has the lowest effort/)
  const withTools = await framedBy('harmony', HI, { think: 'off', tools: [WEATHER] })
  assert.ok(withTools.text.endsWith(closed), 'a call may follow')
})

test('a model that always thinks begins behind closed thoughts, and a note says so', async () => {
  for (const family of ['qwen3-next', 'lfm2.5'] as const) {
    const note = `${family} has no switch for thinking: its thoughts are closed before they begin`
    assert.equal(await endOf(family, { think: 'off' }), [CLOSED, [note]])
  }
  assert.equal(await endOf('lfm2.5', { think: 'on' }), ['', []])
})

test('thoughts whose texts are only patterns cannot be closed, and a note says so', async () => {
  const known = await familyTemplate('lfm2.5')
  const response = { fields: { thinking: { openPattern: '(<think>|^)', close: '</think>' }, content: {} } }
  const template = { ...known, response, render: known.render.bind(known), prepare: known.prepare.bind(known) }
  const { text, notes } = await writeChat(HI, { template, model: 'm', think: 'off' })
  assert.ok(text.endsWith('<|im_start|>assistant\n'))
  assert.equal(notes, ['m has no switch for thinking: it thinks all the same'])
  const limited = await writeChat(HI, { template, model: 'm', thinkBudget: 9 })
  assert.equal(messageText(limited.notes[0]), "the end of m's thoughts cannot be forced: `thinkBudget` has no effect")
})

test("a model without thoughts ignores 'off', and notes all else", async () => {
  for (const family of ['granite4', 'qwen3-coder', 'mistral'] as const) {
    const end = await endOf(family, {})
    assert.equal(await endOf(family, { think: 'off' }), end)
    for (const think of ['on', 'low'] as const) {
      assert.equal(await endOf(family, { think }), [end[0], [`${family} does not think: \`think\` has no effect`]])
    }
    const budget = [`${family} does not think: \`thinkBudget\` has no effect`]
    assert.equal((await endOf(family, { thinkBudget: 9 }))[1], budget)
    assert.is((await endOf(family, { thinkBudget: 9, think: 'on' }))[1].length, 1)
  }
  const plain = await writeChat(HI, { think: 'on', model: 'base' })
  assert.equal(messageText(plain.notes[0]), 'base does not think: `think` has no effect')
  assert.equal((await writeChat(HI, { think: 'off' })).notes, [])
})

test("a template argument of the user's wins, and a conflict is noted", async () => {
  const off = { enable_thinking: false }
  assert.equal(await endOf('qwen3', { think: 'on', args: off }), [
    CLOSED,
    ['the template argument enable_thinking wins over `think`'],
  ])
  assert.equal(await endOf('qwen3', { think: 'off', args: off }), [CLOSED, []])
  assert.equal(await endOf('qwen3', { think: 'off', args: { enable_thinking: true } }), [
    '',
    ['the template argument enable_thinking wins over `think`'],
  ])
  const effort = await framedBy('harmony', HI, { think: 'high', args: { reasoning_effort: 'low' } })
  assert.match(effort.text, 'Reasoning: low\n')
  assert.equal(messageText(effort.notes[0]), 'the template argument reasoning_effort wins over `think`')
})

test('a budget of 0 closes the thoughts, as off does', async () => {
  assert.is((await endOf('qwen3', { thinkBudget: 0 }))[0], CLOSED)
  assert.is((await endOf('qwen3-next', { thinkBudget: 0 }))[0], CLOSED)
  assert.is((await endOf('gemma4', { thinkBudget: 0 }))[0], '<|channel>thought\n<channel|>')
})

test('an answer that is continued gets no thoughts and no notes about closing them', async () => {
  const { text, notes, reading } = await framedBy('lfm2.5', HI, { prefill: 'Hello', think: 'off' })
  assert.ok(text.endsWith('<|im_start|>assistant\nHello'))
  assert.equal(notes, [])
  assert.is(reading.begun, 'Hello')
})

test('thoughts between calls are given back after the results', async () => {
  const { text } = await framedBy('qwen3', CALLED, { tools: [WEATHER], think: 'off' })
  assert.match(text, '<think>\nTwo places.\n</think>')
  assert.ok(text.endsWith(CLOSED))
})

test('the values of `think` with an effect are known before the first question', async () => {
  const choices: [family: Family, think: Think[]][] = [
    ['qwen3', ['off', 'on']],
    ['qwen3-next', ['off', 'on']],
    ['lfm2.5', ['off', 'on']],
    ['gemma4', ['off', 'on']],
    ['harmony', ['off', 'low', 'medium', 'high']],
    ['granite4', []],
    ['mixtral', []],
  ]
  for (const [family, think] of choices) {
    assert.equal(await thinkingChoices(await familyTemplate(family)), think, family)
  }
  assert.equal(await thinkingChoices(undefined), [])
})

test.run()
