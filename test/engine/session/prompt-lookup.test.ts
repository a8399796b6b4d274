import * as assert from 'uvu/assert'
import type { GenerateOptions, Model } from '#molm/index.js'
import { collected } from '../../support/collected.js'
import { suiteWithModel } from '../../support/models.js'

/* Texts of a session are the same with and without drafts. */
const test = suiteWithModel('a session with prompt lookup')

const PROMPT = 'Call me Ishmael. Some years ago. Call me Ishmael. Some years ago. Call me'

async function generate(model: Model, options: GenerateOptions) {
  const session = model.createSession()
  const generation = session.generate(PROMPT, { maxTokens: 50, ignoreEos: true, stop: [], ...options })
  const { steps, result: all } = await collected(generation)
  const { prefillMs, decodeMs, drafts = { drafted: 0, right: 0 }, ...result } = all
  const tokens = [...session.tokens]
  session.dispose()
  return { steps, result, drafts, tokens }
}

const TEXTS: Record<string, GenerateOptions> = {
  'the likeliest tokens': { temperature: 0, repeatPenalty: 0.5 },
  'random tokens with a penalty, log-probabilities and routes': {
    temperature: 0.5,
    repeatPenalty: 0.8,
    logprobs: 2,
    routes: true,
  },
  'a text with a stop string': { temperature: 0, repeatPenalty: 0.5, stop: ['years ago. Call me Ishmael. Some'] },
  'a text of a pattern': { temperature: 0.5, repeatPenalty: 0.5, regex: '( (Call|me|years|ago|Some)){20,30}' },
  'a text of a schema': {
    temperature: 0.5,
    schema: { type: 'array', items: { enum: ['Ishmael', 'years'] }, minItems: 12, maxItems: 14 },
  },
}

for (const [name, options] of Object.entries(TEXTS)) {
  test(`${name}: the same steps, result and cache`, async ({ model }) => {
    let drafted = 0
    const mustDraft = options.temperature === 0 && !options.stop
    // On a busy machine a step can seem too dear for drafts.
    for (let seed = 1; seed <= 2 || (mustDraft && drafted === 0 && seed <= 10); seed++) {
      const without = await generate(model, { ...options, seed, promptLookupNumTokens: 0 })
      assert.equal(without.drafts, { drafted: 0, right: 0 })
      const { drafts, ...found } = await generate(model, { ...options, seed })
      assert.equal(found, { steps: without.steps, result: without.result, tokens: without.tokens })
      drafted += drafts.drafted
    }
    assert.ok(drafted > 0 || !mustDraft)
  })
}

test.run()
