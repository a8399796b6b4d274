import { UsageError } from '../errors.js'
import type { Model, Session } from '../generation/types.js'

/** What is measured: prompts of these lengths, generations of this length, each after so many tokens of context. */
export interface BenchmarkPlan {
  /** Lengths of prompts (pp tests). */
  prompts: number[]
  /** Tokens generated (tg tests); 0 for none. */
  generate: number
  /** Tokens in the cache before each test. */
  depths: number[]
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
  tokens_per_second: Spread
  /** Bytes of weights that one token reads. */
  active_bytes_per_token: number
  /** Active bytes times tokens a second: how fast weights were used. */
  effective_gb_per_second: number
  /** Streaming read speed of the same threads, measured between the samples (median). */
  stream_gb_per_second: number
  rss_bytes: number
  /** From the request to the first token (median): of the whole prompt for pp, of one more token for tg. */
  first_token_ms: number
}

interface Sample {
  tokensPerSecond: number
  firstTokenMs: number
}

/** Runs the tests of a plan on a loaded model, giving each row as it is done. */
export async function* benchmark(model: Model, plan: BenchmarkPlan): AsyncGenerator<BenchmarkRow> {
  for (const depth of plan.depths) {
    for (const tokens of plan.prompts) {
      yield await measure(model, plan, `pp${tokens}`, depth, (session) => prefill(model, session, tokens))
    }
    if (plan.generate > 0) {
      yield await measure(model, plan, `tg${plan.generate}`, depth, (session) => decode(model, session, plan.generate))
    }
  }
}

async function measure(
  model: Model,
  plan: BenchmarkPlan,
  test: string,
  depth: number,
  run: (session: Session) => Promise<Sample>,
): Promise<BenchmarkRow> {
  if (model.config.architecture === 'classifier') throw new UsageError('a classifier generates nothing to measure')
  const samples: Sample[] = []
  const streams: number[] = []
  // The first run, which compiles code and touches memory for the first time, is not counted.
  for (let repetition = -1; repetition < plan.repetitions; repetition++) {
    const stream = await model.measureStream()
    const session = model.createSession()
    if (depth > 0) await session.forward(randomTokens(model, depth, 7), { logits: 'none' })
    const sample = await run(session)
    session.dispose()
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
    tokens_per_second: speed,
    active_bytes_per_token: activeBytes,
    effective_gb_per_second: (speed.median * activeBytes) / 1e9,
    stream_gb_per_second: median(streams) / 1e9,
    rss_bytes: process.memoryUsage().rss,
    first_token_ms: median(samples.map(({ firstTokenMs }) => firstTokenMs)),
  }
}

async function prefill(model: Model, session: Session, tokens: number): Promise<Sample> {
  const ids = randomTokens(model, tokens, tokens)
  const started = performance.now()
  await session.forward(ids, { logits: 'last' })
  const ms = performance.now() - started
  return { tokensPerSecond: (tokens / ms) * 1000, firstTokenMs: ms }
}

/** Greedy, without end: the time from the first generated token to the last is that of `tokens` steps. */
async function decode(model: Model, session: Session, tokens: number): Promise<Sample> {
  const options = { maxTokens: tokens + 1, temperature: 0, ignoreEos: true, stop: [] }
  const generation = session.generate(randomTokens(model, 1, 3), options)
  let next = await generation.next()
  while (!next.done) next = await generation.next()
  const { decodeMs, prefillMs } = next.value
  return { tokensPerSecond: (tokens / decodeMs) * 1000, firstTokenMs: prefillMs }
}

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
