import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GenerationSettings, UNFILTERED } from '#molm/api/generation-options.js'
import { generateAfter } from '#molm/engine/run/generation.js'
import { StepCosts } from '#molm/engine/run/lookup/step-costs.js'
import type { GenerateReply, GenerateRequest, StepMessage } from '#molm/engine/run/messages/protocol.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { fixturePath } from '../../support/fixtures.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { exportOf, generateOf } from '../../support/run-task.js'
import { replyOf, schedule } from '../../support/schedule.js'

/* Texts with drafts are those without them, bit for bit: steps, routes, cache and counts of experts. */
const test = suite('prompt lookup')

/** A period that the prompt repeats, so that there is much to draft. */
const periodOf = (seed: number, vocabSize: number) => integers(5, seed, vocabSize)
const promptOf = (seed: number, vocabSize: number) => Array.from({ length: 4 }, () => periodOf(seed, vocabSize)).flat()

/** Sampling among few tokens, preferring tokens of the prompt: many drafts are right, and many are wrong. */
const REPEATING = { ...UNFILTERED, temperature: 0.4, topK: 3, repeatPenalty: 0.3, maxTokens: 30, logprobs: 2 }

/** Numbers of tokens that are cut off, one after another. */
const CUTS = [1, 1, 2, 10, 15, 30]

/** Costs that let every draft gain: the texts must not depend on times. */
const FREE = () => new StepCosts(() => 1)

interface Outcome {
  steps: Omit<StepMessage, 'at' | 'drafts'>[]
  reply: GenerateReply
  tokens: number[]
  cache: Buffer
  uses: string
  checkpoints: number[]
  /** Tokens in the cache after the end of the text is cut off, more and more of it. */
  known: number[]
}

interface Given {
  settings?: Partial<GenerationSettings>
  request?: Partial<GenerateRequest>
  /** Seeds of generations that run at the same time. */
  company?: number[]
}

function generate(
  model: Decoder,
  seed: number,
  lookup: boolean,
  { settings, request, company = [] }: Given = {},
): Outcome {
  const { vocabSize } = model.config
  const before = usesOf(model)
  const sequences = [seed, ...company].map(() => new Sequence(model))
  const steps: StepMessage[] = []
  const tasks = [seed, ...company].map((seed, i) => {
    const given = { session: i, routes: true, ...request }
    const all = generateOf(promptOf(seed, vocabSize), { ...REPEATING, seed, ...settings }, given)
    const emit = (step: StepMessage) => i === 0 && steps.push(step)
    return {
      task: generateAfter(sequences[i], all, { stop: new Int32Array(1), emit, costs: lookup ? FREE() : undefined }),
      after: 3 * i,
    }
  })
  const { outcomes } = schedule(model, tasks)
  const [sequence] = sequences
  const after = usesOf(model)
  const outcome = {
    steps: steps.map(({ at, drafts, ...step }) => step),
    reply: replyOf<GenerateReply>(outcomes[0]),
    tokens: [...sequence.tokens],
    cache: Buffer.concat(exportOf(sequence).tensors),
    uses: after.map((count, i) => count - before[i]).join(),
    checkpoints: sequence.cache.checkpoints.positions,
    known: CUTS.map((cut) => {
      sequence.truncate(Math.max(0, sequence.tokens.length - cut))
      return sequence.cache.length
    }),
  }
  for (const each of sequences) each.release()
  return outcome
}

const usesOf = ({ expertUses }: Decoder) =>
  Object.values(expertUses).flatMap((layers) => layers.flatMap((all) => [...all]))

/** Compares all but the times. */
function assertSame(withDrafts: Outcome, without: Outcome): void {
  const { drafts, prefillMs, decodeMs, ...reply } = withDrafts.reply
  const { prefillMs: _, decodeMs: __, ...expected } = without.reply
  assert.equal(reply, expected)
  assert.equal(withDrafts.steps, without.steps)
  assert.equal(withDrafts.tokens, without.tokens)
  assert.ok(withDrafts.cache.equals(without.cache), 'cache')
  assert.is(withDrafts.uses, without.uses)
  assert.equal(withDrafts.checkpoints, without.checkpoints)
  assert.equal(withDrafts.known, without.known)
}

/** One of each kind of attention, and of layers with running states. */
const NAMES = [
  '02-base-safetensors-f32',
  '11-molm-like-bin-bf16-sharded',
  '22-granitemoe-bf16-sharded',
  '52-mixtral-window-bf16-sharded',
  '62-jetmoe-bf16-sharded',
  '71-gptoss-bf16-sharded',
  '82-lfm2moe-bf16-sharded',
  '91-granitehybrid-f32',
  '207-zaya-bf16-sharded',
  '136-glm4moelite-bf16',
  '152-smallthinker-window-bf16-sharded',
  '171-gemma4-f32',
  '181-afmoe-f32',
  '196-qwen35moe-bf16',
  '216-kimilinear-f32',
]

for (const name of NAMES) {
  test(`${name}: the same steps, caches and counts of experts as without drafts`, () =>
    withLoaded(fixturePath(name), { quant: 'q4' }, ({ model }) => {
      let [drafted, right] = [0, 0]
      for (const [seed, temperature, maxTokens] of [
        [1, 0.4, 30],
        [2, 2, 30],
        [4, 0.4, 109],
      ]) {
        const settings = { temperature, maxTokens }
        const found = generate(model, seed, true, { settings })
        assertSame(found, generate(model, seed, false, { settings }))
        drafted += found.reply.drafts?.drafted ?? 0
        right += found.reply.drafts?.right ?? 0
      }
      assert.ok(right > 0 && right < drafted, `${right} of ${drafted} drafts are right`)
    }))
}

const withModel = (use: (model: Decoder) => void, name = '02-base-safetensors-f32') =>
  withLoaded(fixturePath(name), { quant: 'q4' }, ({ model }) => use(model))

for (const name of ['02-base-safetensors-f32', '71-gptoss-bf16-sharded', '82-lfm2moe-bf16-sharded']) {
  test(`${name}: drafts in company change no text, and no other one`, () =>
    withModel((model) => {
      for (const seed of [1, 2]) {
        const given = { company: [seed + 10, seed + 20] }
        const found = generate(model, seed, true, given)
        const { uses, ...alone } = generate(model, seed, false)
        assertSame({ ...found, uses }, { ...alone, uses })
      }
    }, name))
}

test('the same text at any limit of tokens and at the end of a rolling context', () =>
  withModel((model) => {
    for (const settings of [{ maxTokens: 1 }, { maxTokens: 2 }, { maxTokens: 17 }, { context: 24 }, { context: 30 }]) {
      for (const seed of [1, 2])
        assertSame(generate(model, seed, true, { settings }), generate(model, seed, false, { settings }))
    }
  }))

test('an end of the text is found within drafts', () =>
  withModel((model) => {
    let ended = 0
    for (const seed of [1, 2, 3, 4, 5]) {
      const { steps } = generate(model, seed, false)
      const request = { eos: [steps[15].token] }
      const found = generate(model, seed, true, { request })
      assertSame(found, generate(model, seed, false, { request }))
      if (found.reply.finishReason === 'eos') ended++
    }
    assert.is(ended, 5)
  }))

test.run()
