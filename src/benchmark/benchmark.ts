import { resultOf } from '../api/generation-events.js'
import type { Model } from '../api/model.js'
import type { Session } from '../api/session.js'
import { UsageError } from '../errors.js'
import { hugePageBytes } from './huge-pages.js'

/** What is measured: prompts of these lengths, generations of this length, each after so many tokens of context. */
export interface BenchmarkPlan {
  /** Lengths of prompts (pp tests). */
  prompts: number[]
  /** Tokens generated (tg tests); 0 for none. */
  generate: number
  /** Tokens in the cache before each test. */
  depths: number[]
  /** Sequences that generate at once, each row of them a tg test of its own. Default [1]. */
  batches?: number[]
  repetitions: number
}

export interface Spread {
  median: number
  mean: number
  /** Sample standard deviation; 0 for a single sample. */
  sd: number
  samples: number[]
}

/** One test. Names and units are those of `molm bench --json`. */
export interface BenchmarkRow {
  model: string
  quant: string
  threads: number
  /** Kernel tier; `+256` where V8 fuses pairs of vectors. */
  tier: string
  node: string
  test: string
  depth: number
  /** Sequences that are run at once; each has `depth` tokens before the test. */
  batch: number
  /** Of all sequences together. */
  tokensPerSecond: Spread
  /** Tokens a second of each sequence (median). */
  perSequence: number
  /** Bytes of weights that one token reads. */
  activeBytesPerToken: number
  /** Active bytes times tokens a second: how fast weights were used. Of a batch more than was read, since it shares them. */
  effectiveGbPerSecond: number
  /** Streaming read speed of the same threads, measured between the samples (median). */
  streamGbPerSecond: number
  rssBytes: number
  /** How much of that lies in huge pages; null where the system does not tell. */
  hugePageBytes: number | null
  /**
   * From the request to the first token (median): of the whole prompt for pp, of one more token for tg. Of a batch, until
   * all have theirs.
   */
  firstTokenMs: number
}

/** Runs a test on fresh sessions, and tells how fast they were together. */
type Run = (sessions: Session[]) => Promise<Sample>

interface Sample {
  tokensPerSecond: number
  firstTokenMs: number
}

/** Runs the tests of a plan on a loaded model, giving each row as it is done. */
export async function* benchmark(model: Model, plan: BenchmarkPlan): AsyncGenerator<BenchmarkRow> {
  const { prompts, generate, depths, batches = [1], repetitions } = plan
  for (const depth of depths) {
    for (const tokens of prompts) {
      const run: Run = ([session]) => prefill(model, session, tokens)
      yield await measure(model, { test: `pp${tokens}`, depth, batch: 1, repetitions, run })
    }
    if (generate === 0) continue
    for (const batch of batches) {
      const run: Run = (sessions) => decode(model, sessions, generate)
      yield await measure(model, { test: `tg${generate}`, depth, batch, repetitions, run })
    }
  }
}

interface Test extends Pick<BenchmarkRow, 'test' | 'depth' | 'batch'> {
  repetitions: number
  run: Run
}

async function measure(model: Model, { test, depth, batch, repetitions, run }: Test): Promise<BenchmarkRow> {
  if (model.config.architecture === 'classifier') throw new UsageError('a classifier generates nothing to measure')
  const samples: Sample[] = []
  const streams: number[] = []
  // The first run, which compiles code and touches memory for the first time, is not counted.
  for (let repetition = -1; repetition < repetitions; repetition++) {
    const stream = await model.measureStream()
    const sessions = Array.from({ length: batch }, () => model.createSession())
    if (depth > 0) {
      const filled = sessions.map((session, i) => {
        return session.forward(randomTokens(model, depth, 7 + i * depth), { logits: 'none' })
      })
      await Promise.all(filled)
    }
    const sample = await run(sessions)
    for (const session of sessions) session.dispose()
    if (repetition < 0) continue
    samples.push(sample)
    streams.push(stream)
  }
  const speed = spread(samples.map(({ tokensPerSecond }) => tokensPerSecond))
  const { activeBytes, quant } = model.info
  return {
    model: model.name,
    quant,
    threads: model.threads,
    tier: model.tier,
    node: process.versions.node,
    test,
    depth,
    batch,
    tokensPerSecond: speed,
    perSequence: speed.median / batch,
    activeBytesPerToken: activeBytes,
    effectiveGbPerSecond: (speed.median * activeBytes) / 1e9,
    streamGbPerSecond: median(streams) / 1e9,
    rssBytes: process.memoryUsage().rss,
    hugePageBytes: hugePageBytes(),
    firstTokenMs: median(samples.map(({ firstTokenMs }) => firstTokenMs)),
  }
}

async function prefill(model: Model, session: Session, tokens: number): Promise<Sample> {
  const ids = randomTokens(model, tokens, tokens)
  const started = performance.now()
  await session.forward(ids, { logits: 'last' })
  const ms = performance.now() - started
  return { tokensPerSecond: (tokens / ms) * 1000, firstTokenMs: ms }
}

/**
 * Sampled, without end: each sequence with a first token and a seed of its own, since texts that repeat themselves or each
 * other would wake the same experts. The time from the first generated token to the last is that of `tokens` steps.
 */
async function decode(model: Model, sessions: Session[], tokens: number): Promise<Sample> {
  const results = await Promise.all(
    sessions.map((session, i) => {
      const options = { ...SAMPLED, maxTokens: tokens + 1, seed: i, ignoreEos: true, stop: [] }
      return resultOf(session.generate(randomTokens(model, 1, 3 + i), options))
    }),
  )
  const longest = Math.max(...results.map(({ decodeMs }) => decodeMs))
  const firstTokenMs = Math.max(...results.map(({ prefillMs }) => prefillMs))
  return { tokensPerSecond: ((sessions.length * tokens) / longest) * 1000, firstTokenMs }
}

/** Whatever the model's own defaults are, so that models can be compared. */
const SAMPLED = { temperature: 1, topK: 40, topP: 1, minP: 0, repeatPenalty: 1 }

/** Ids spread over the vocabulary, the same for the same seed. */
function randomTokens(model: Model, count: number, seed: number): Int32Array {
  const { vocabSize } = model.config
  return Int32Array.from({ length: count }, (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 0) % vocabSize)
}

/** Median, mean, deviation of some samples. */
export function spread(samples: number[]): Spread {
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length
  const squares = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0)
  return { median: median(samples), mean, sd: Math.sqrt(squares / Math.max(1, samples.length - 1)), samples }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
