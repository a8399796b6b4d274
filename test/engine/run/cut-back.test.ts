import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generateAfter } from '#molm/engine/run/generation.js'
import { StepCosts } from '#molm/engine/run/lookup/step-costs.js'
import type { DraftCounts, StepMessage } from '#molm/engine/run/messages/protocol.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { type Random, seededRandom } from '#molm/engine/sampling/random.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { type LoadedOptions, withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { exportOf, generateOf, importOf, read, runTask } from '../../support/run-task.js'

/*
 * Random walks of sequences that are extended, generated, cut back, saved and restored. After every step the next
 * logits must have the bits of a fresh read of the same tokens. A seed gives the same walk on every run.
 */
const test = suite('sequences that are cut back')

const STEPS = 6
/** Sampling that prefers the tokens of the text, so that drafts are right and wrong. */
const REPEATING = { temperature: 0.4, topK: 3, repeatPenalty: 0.3 }
/** More positions than a walk has. */
const POSITIONS = 4000

/** One sequence with a list of its tokens. */
class Walk {
  sequence: Sequence
  /** Drafts of the latest generation that had some. */
  drafts: DraftCounts = { drafted: 0, right: 0 }
  private readonly random: Random
  private requests = 0

  constructor(
    private readonly model: Decoder,
    private readonly seed: number,
  ) {
    this.sequence = new Sequence(model)
    this.random = seededRandom(seed)
  }

  get tokens(): number[] {
    return [...this.sequence.tokens]
  }

  /** Takes a random step, and returns its name. */
  step(): string {
    const { length } = this.tokens
    switch (this.roll(length === 0 ? 2 : 6)) {
      case 0:
        return this.forward(this.prompt())
      case 1:
        return this.generate()
      case 2:
      case 3:
        return this.truncate(this.roll(length + 1))
      case 4:
        return this.truncate(length - Math.min(length, this.roll(5)))
      default:
        return this.restore()
    }
  }

  private count({ drafts }: StepMessage): void {
    if (drafts) this.drafts = drafts
  }

  /** Logits after two more tokens, which are then cut off again. */
  next(): Float32Array {
    const { length } = this.tokens
    const { logits } = read(this.sequence, [3, 1])
    this.sequence.truncate(length)
    return logits
  }

  private roll(below: number): number {
    return Math.floor(this.random.nextFloat() * below)
  }

  private prompt(): number[] {
    const most = [2, 10, 80, 700][this.roll(4)]
    return integers(1 + this.roll(most), 1000 * this.seed + this.requests++, this.model.config.vocabSize)
  }

  private forward(tokens: number[]): string {
    read(this.sequence, tokens)
    return `forward of ${tokens.length}`
  }

  private generate(): string {
    const prompt = this.roll(4) === 0 && this.tokens.length > 0 ? [] : this.prompt()
    const messageEnds = prompt.length > 4 ? [2, prompt.length - 2] : []
    const maxTokens = 1 + this.roll(100)
    const repeats = this.roll(2) === 0 ? REPEATING : { temperature: 1, topK: 0 }
    const settings = { seed: this.seed, maxTokens, topP: 1, context: POSITIONS, ...repeats }
    const request = generateOf(prompt, settings, { messageEnds, routes: this.roll(2) === 0 })
    const emit = this.count.bind(this)
    const costs = new StepCosts(() => 1)
    runTask(this.model, generateAfter(this.sequence, request, { stop: new Int32Array(1), emit, costs }))
    return `generation of ${maxTokens} after ${prompt.length}`
  }

  private truncate(length: number): string {
    this.sequence.truncate(length)
    return `cut to ${length}`
  }

  private restore(): string {
    const saved = exportOf(this.sequence)
    this.sequence.release()
    this.sequence = importOf(this.model, saved)
    return 'saved and restored'
  }
}

/** Logits of a fresh read. */
function fresh(model: Decoder, tokens: number[]): Float32Array {
  const sequence = new Sequence(model)
  const { logits } = read(sequence, [...tokens, 3, 1])
  sequence.release()
  return logits
}

const MODELS: [name: string, options: LoadedOptions][] = [
  ['52-mixtral-window-bf16-sharded', { quant: 'q4', threads: 2 }],
  ['71-gptoss-bf16-sharded', { quant: 'q8', threads: 2 }],
  ['81-lfm2moe-f32', { quant: 'f32', threads: 1, tier: 'plain' }],
  ['82-lfm2moe-bf16-sharded', { quant: 'q4', threads: 2 }],
  ['92-granitehybrid-dense-bf16-sharded', { quant: 'q8', threads: 2 }],
  ['113-deepseekv2-yarn-f32', { quant: 'q4', threads: 2 }],
  ['152-smallthinker-window-bf16-sharded', { quant: 'f32', threads: 1 }],
  ['162-qwen35moe-text-bf16-sharded', { quant: 'f32', threads: 2, tier: 'plain' }],
  ['171-gemma4-f32', { quant: 'q4', threads: 2 }],
  ['181-afmoe-f32', { quant: 'q4', threads: 1 }],
  ['196-qwen35moe-bf16', { quant: 'q4', threads: 2 }],
  ['202-mellum-bf16-sharded', { quant: 'q8', threads: 2, tier: 'plain' }],
  ['207-zaya-bf16-sharded', { quant: 'q4', threads: 1 }],
  ['211-ling3-f32', { quant: 'q4', threads: 2 }],
  ['231-granitemoeswa-f32', { quant: 'q8', threads: 2 }],
]

for (const [name, options] of MODELS) {
  test(`have the bits of a fresh read: ${name}`, () =>
    withLoaded(fixturePath(name), { positions: POSITIONS, ...options }, ({ model }) => {
      let [drafted, right] = [0, 0]
      for (let seed = 1; seed <= 9; seed++) {
        const walk = new Walk(model, seed)
        const steps: string[] = []
        for (let i = 0; i < STEPS; i++) {
          steps.push(walk.step())
          const { tokens } = walk
          sameBits(walk.next(), fresh(model, tokens), `walk ${seed}: ${steps.join(', ')}`)
        }
        walk.sequence.release()
        drafted += walk.drafts.drafted
        right += walk.drafts.right
      }
      assert.ok(right > 0 && right < drafted, `${right} of ${drafted} drafts are right`)
    }))
}

test('read little again when the end of an answer is cut off', () =>
  withLoaded(fixturePath('82-lfm2moe-bf16-sharded'), { positions: POSITIONS, quant: 'q4' }, ({ model }) => {
    const sequence = new Sequence(model)
    read(sequence, integers(1000, 5, 200))
    for (const [length, known] of [
      // The last token may run again for its logits.
      [999, 999],
      // The states before the last micro-batch are still there.
      [998, 768],
      [700, 512],
      [511, 0],
    ]) {
      sequence.truncate(length)
      assert.is(sequence.cache.length, known)
      assert.is([...exportOf(sequence).tokens].length, length)
    }
  }))

test.run()
