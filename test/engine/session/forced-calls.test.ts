import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { AnswerReader } from '#molm/text/answer-reader.js'
import { callGuide } from '#molm/text/answers/call-guide.js'
import { knownFormat } from '#molm/text/answers/known-formats.js'
import { suiteWithModel } from '../../support/models.js'
import { WRITTEN_ANSWERS } from '../../support/written-answers.js'

/*
 * nano has never seen a call. Limited by the grammar of a form of calls, it writes calls that are read back.
 */
const test = suiteWithModel('forced calls')

const LAMP = {
  name: 'set_lamp',
  parameters: {
    type: 'object',
    properties: {
      room: { type: 'string', enum: ['kitchen', 'living room'] },
      level: { type: 'integer', minimum: 1, maximum: 9 },
      on: { type: 'boolean' },
    },
    required: ['room', 'level', 'on'],
    additionalProperties: false,
  },
}
const NOW = { name: 'now' }

for (const name of [
  'qwen3',
  'qwen3-coder',
  'granite3',
  'harmony',
  'lfm2',
  'gemma4',
  'glm',
  'mistral',
  'mistral by name',
]) {
  test(`in the form of ${name} every text is a call`, async ({ model }) => {
    const { source } = WRITTEN_ANSWERS[name]
    const response = knownFormat(source)
    const tools = [LAMP, NOW]
    const guide = callGuide(response, tools, { choice: 'required', parallel: false })
    assert.ok(guide)
    const phases = [{ kind: 'grammar' as const, grammar: guide.calls }]
    for (const seed of [1, 2]) {
      const options = { maxTokens: 200, temperature: 1.5, seed, guide: { phases } }
      const { text, finishReason } = await resultOf(model.createSession().generate('Light: ', options))
      assert.is.not(finishReason, 'length', text)
      const reader = new AnswerReader({ response, prompt: '', tools, isAnswer: true, isTurn: true })
      reader.add(text)
      reader.end(false)
      const { content, toolCalls = [] } = reader.message
      assert.is(content, '', text)
      assert.is(toolCalls.length, 1, text)
      const [{ name, arguments: args }] = toolCalls
      if (name === 'now') assert.equal(args, {})
      else {
        assert.is(name, 'set_lamp')
        assert.equal(Object.keys(args).sort(), ['level', 'on', 'room'])
        assert.ok(['kitchen', 'living room'].includes(args.room as string), text)
        assert.ok(Number.isInteger(args.level), text)
        assert.type(args.on, 'boolean')
      }
    }
  })
}

test.run()
