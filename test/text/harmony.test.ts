import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatTemplate } from '#molm/api/text.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { loadGenerationDefaults } from '#molm/text/generation-config.js'
import { JinjaProgram } from '#molm/text/jinja/program.js'
import { fixturePath } from '../support/fixtures.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inFolderOf } from './folders.js'

/*
 * The texts and tokens of gpt-oss: its real tokenizer, and the harmony format. The renderings are jinja2's in
 * the settings of transformers.
 */
const test = suite('harmony')

const SOURCE = await readFile(join(fixturePath('templates'), 'harmony.jinja'), 'utf8')
const NOW = new Date(2026, 0, 9)

const SYSTEM =
  '<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n' +
  'Current date: 2026-01-09\n\nReasoning: medium\n\n' +
  '# Valid channels: analysis, commentary, final. Channel must be included for every message.'
const HI = { role: 'user', content: 'Hi' }
const PLACE = { type: 'string' }
const NUMBER = { type: 'number' }
/** Blanks of the template's own line. */
const INDENT = ' '.repeat(12)
const TOOLS = [
  {
    function: {
      name: 'weather',
      description: 'Weather of a place.',
      parameters: {
        properties: {
          place: { ...PLACE, nullable: true },
          unit: { enum: ['c', 'f'], default: 'c' },
          days: { type: 'array', items: { type: 'integer' } },
          along: { type: 'array', items: { type: 'object', properties: { from: PLACE, to: PLACE }, required: ['to'] } },
          height: { oneOf: [{ type: 'number', nullable: true }, PLACE] },
          when: { type: ['string', 'null'] },
          near: { type: 'object', properties: { x: NUMBER, y: NUMBER }, required: ['x'] },
        },
        required: ['place'],
      },
    },
  },
  { function: { name: 'now', description: 'The time.' } },
]

const render = (messages: object[], variables: object = {}) =>
  new JinjaProgram(SOURCE).render({ messages, add_generation_prompt: true, ...variables }, NOW)

test('a first question follows a system turn with the date', () => {
  assert.is(render([HI]), `${SYSTEM}<|end|><|start|>user<|message|>Hi<|end|><|start|>assistant`)
})

test('effort and identity are variables, and a system text becomes the instructions of a developer', () => {
  const text = render([{ role: 'system', content: 'Be brief.' }, HI], {
    reasoning_effort: 'high',
    model_identity: 'You are a lantern.',
  })
  assert.match(text, /^<\|start\|>system<\|message\|>You are a lantern\.\n/)
  assert.match(text, /\n\nReasoning: high\n\n/)
  assert.match(text, /<\|end\|><\|start\|>developer<\|message\|># Instructions\n\nBe brief\.<\|end\|><\|start\|>user/)
})

test('earlier answers keep their last channel alone, and only a finished text returns', () => {
  const turns = [HI, { role: 'assistant', content: 'Hello', thinking: 'A greeting.' }]
  const answer = '<|start|>assistant<|channel|>final<|message|>Hello'
  const before = `${SYSTEM}<|end|><|start|>user<|message|>Hi<|end|>`
  assert.is(render([...turns, HI]), `${before}${answer}<|end|><|start|>user<|message|>Hi<|end|><|start|>assistant`)
  assert.is(render(turns, { add_generation_prompt: false }), `${before}${answer}<|return|>`)
})

test('tools are declared as types, and their calls and results are written', () => {
  const call = { function: { name: 'weather', arguments: { place: 'Zürich', days: [1, 2] } } }
  const text = render(
    [
      HI,
      { role: 'assistant', content: '', thinking: 'I need it.', tool_calls: [call] },
      { role: 'tool', content: 'sunny "now"' },
    ],
    { tools: TOOLS },
  )
  assert.is(
    text,
    `${SYSTEM}\nCalls to these tools must go to the commentary channel: 'functions'.<|end|>` +
      '<|start|>developer<|message|># Tools\n\n## functions\n\nnamespace functions {\n\n' +
      '// Weather of a place.\ntype weather = (_: {\nplace: string | null,\nunit?: "c" | "f", // default: "c",\n' +
      'days?: number[],\nalong?: any[],\nheight?: number | \nstring,\nwhen?: string | null,\n' +
      `near?: {\nx: \n${INDENT}number, y?: \n${INDENT}number},\n` +
      '}) => any;\n\n// The time.\ntype now = () => any;\n\n} // namespace functions<|end|>' +
      '<|start|>user<|message|>Hi<|end|>' +
      '<|start|>assistant<|channel|>analysis<|message|>I need it.<|end|>' +
      '<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>' +
      '{"place": "Zürich", "days": [1, 2]}<|call|>' +
      '<|start|>functions.weather to=assistant<|channel|>commentary<|message|>"sunny \\"now\\""<|end|>' +
      '<|start|>assistant',
  )
})

test('a chat gives the prompt of today, and an answer that is begun stays open', async () => {
  await inFolderOf({ 'chat_template.jinja': SOURCE, 'tokenizer_config.json': {} }, async (dir) => {
    const template = (await loadChatTemplate(dir)) as ChatTemplate
    const { text, encoding, stop } = await writeChat([HI], { template })
    const asked = `${SYSTEM}<|end|><|start|>user<|message|>Hi<|end|><|start|>assistant`
    const undated = (prompt: string) => prompt.replace(/Current date: \d{4}-\d\d-\d\d\n/, '')
    assert.is(undated(text), undated(asked))
    const today = /Current date: (.*)\n/.exec(text)?.[1]
    assert.ok(Math.abs(Date.parse(`${today}T12:00`) - Date.now()) < 24 * 3_600_000, today)
    assert.is(encoding.addSpecialTokens, false)
    assert.equal(stop, [])
    const begun = await writeChat([HI], { template, prefill: 'It is' })
    assert.is(undated(begun.text), undated(`${asked}<|channel|>final<|message|>It is`))
    const result = [HI, { role: 'tool', content: 'sunny' }]
    await rejectsWithUserError(() => writeChat(result, { template }), /chat_template\.jinja: .*no previous assistant/)
  })
})

test('a generation ends at every token of the end', async () => {
  const config = { bos_token_id: 199998, do_sample: true, eos_token_id: [200002, 199999, 200012], pad_token_id: 199999 }
  const { eosTokens } = await inFolderOf({ 'generation_config.json': config }, loadGenerationDefaults)
  assert.equal(eosTokens, [200002, 199999, 200012])
})

test.run()
