import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AnswerReader } from '#molm/text/answer-reader.js'
import { knownFormat } from '#molm/text/answers/known-formats.js'
import { JinjaProgram } from '#molm/text/jinja/program.js'
import { publishedTemplates } from '../../support/published-templates.js'
import { CALLS, TOOLS, WRITTEN_ANSWERS } from '../../support/written-answers.js'

/*
 * Chat templates write earlier answers as the model was trained to write them, so reading one gives the message back.
 */
const test = suite('answers written by chat templates')

const NOW = new Date(2026, 0, 9)
const QUESTION = { role: 'user', content: 'Weather?' }
const THINKING = 'Hm < hm.\n\nI call.'

const templates = publishedTemplates().set('harmony', WRITTEN_ANSWERS.harmony.source)

/** Names of the templates, and whether they write thoughts, and content besides calls. */
const WRITERS: [name: string, thinks: boolean, hasContent: boolean][] = [
  ['qwen3:0.6b', true, true],
  ['qwen3-next:80b', true, true],
  ['qwen3-coder:30b', false, true],
  ['qwen2.5:0.5b', false, true],
  ['qwq:32b 84', false, true],
  ['granite4:latest', false, true],
  ['granite4:350m', false, true],
  ['cogito:14b', false, true],
  ['rnj-1:latest', false, true],
  ['harmony', true, false],
]

test('thoughts, content and calls are read back', () => {
  for (const [name, thinks, hasContent] of WRITERS) {
    const source = templates.get(name) as string
    const program = new JinjaProgram(source)
    const tools = TOOLS.map((tool) => ({
      type: 'function',
      function: { description: 'About it.', parameters: { type: 'object', properties: {} }, ...tool },
    }))
    const render = (messages: object[], add_generation_prompt: boolean) =>
      program.render({ messages, tools, add_generation_prompt, bos_token: '', eos_token: '' }, NOW)
    // The template of harmony writes one call a message.
    for (const calls of name === 'harmony' ? [CALLS.slice(0, 1)] : [CALLS.slice(0, 1), CALLS, []]) {
      for (const content of hasContent || calls.length === 0 ? ['Let me "look" <there>.', ''] : ['']) {
        const tool_calls = calls.map(([name, args], i) => ({
          id: `call_${i}`,
          type: 'function',
          function: { name, arguments: args },
        }))
        const answer = { role: 'assistant', content, thinking: THINKING, reasoning_content: THINKING }
        const prompt = render([QUESTION], true)
        const all = render([QUESTION, calls.length > 0 ? { ...answer, tool_calls } : answer], false)
        // A prompt may open thoughts that the finished answer does not have.
        const begin = [...prompt].findIndex((letter, i) => letter !== all[i])
        const at = begin < 0 ? prompt.length : begin
        const reader = new AnswerReader({
          response: knownFormat(source),
          prompt: prompt.slice(0, at),
          tools: TOOLS,
          isAnswer: true,
          isTurn: true,
        })
        for (const letter of all.slice(at)) reader.add(letter)
        reader.end(false)
        const { message } = reader
        assert.is(message.content, content, name)
        if (thinks) assert.is(message.thinking, THINKING, name)
        const read = message.toolCalls?.map(({ name, arguments: args }) => [name, args]) ?? []
        assert.equal(read, calls, name)
      }
    }
  }
})

test.run()
