import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GenerateOptions, type GenerationResult, loadModel, type Model, type Step } from '#molm/index.js'

/* Texts of a session are the same with and without drafts. */
const test = suite<{ model: Model }>('a session with prompt lookup', { model: undefined as unknown as Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.after(({ model }) => model.dispose())

const PROMPT = 'Call me Ishmael. Some years ago. Call me Ishmael. Some years ago. Call me'

interface Outcome {
  steps: Step[]
  result: Omit<GenerationResult, 'prefillMs' | 'decodeMs' | 'drafts'>
  drafts: { drafted: number; right: number }
  tokens: number[]
}

async function generate(model: Model, options: GenerateOptions): Promise<Outcome> {
  const session = model.createSession()
  const generation = session.generate(PROMPT, { maxTokens: 50, ignoreEos: true, stop: [], ...options })
  const steps: Step[] = []
  let next = await generation.next()
  for (; !next.done; next = await generation.next()) steps.push(next.value)
  const { prefillMs, decodeMs, drafts = { drafted: 0, right: 0 }, ...result } = next.value
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
    for (const seed of [1, 2]) {
      const without = await generate(model, { ...options, seed, promptLookupNumTokens: 0 })
      assert.equal(without.drafts, { drafted: 0, right: 0 })
      const { drafts, ...found } = await generate(model, { ...options, seed })
      assert.equal(found, { steps: without.steps, result: without.result, tokens: without.tokens })
      drafted += drafts.drafted
    }
    if (options.temperature === 0 && !options.stop) assert.ok(drafted > 0)
  })
}

test.run()
