import { readFileSync } from 'node:fs'
import { resultOf } from '../../api/generation-events.js'
import { UNFILTERED } from '../../api/generation-options.js'
import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { UsageError } from '../../ground/errors.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'
import { usedPerToken } from '../../model/config/experts-per-token.js'
import { median } from '../surgery/decode-speed.js'

/** Tests to run: prompts of some lengths and a generation, at each depth of context. */
export interface BenchmarkPlan {
  prompts: number[]
  /** Tokens to generate in a tg test; 0 for no such test. */
  generate: number
  depths: number[]
  /** Numbers of sequences that generate at once, each a tg test. Default [1]. */
  batches?: number[]
  /** Measured runs of each test, after one that does not count. */
  repetitions: number
}

export interface Spread {
  median: number
  mean: number
  /** Sample standard deviation; 0 for a single sample. */
  sd: number
  samples: number[]
}

/** Result of one test. `molm bench --json` prints the same fields in snake case. */
export interface BenchmarkRow {
  model: string
  quant: string
  /** Format of the keys and values in the cache. */
  cacheType: string
  threads: number
  /** Kernel tier; ends in `+256` if V8 fuses pairs of vectors. */
  tier: string
  node: string
  test: string
  depth: number
  /** Sequences that run at once, each with `depth` tokens before the test. */
  batch: number
  /** Tokens a second of all sequences together. */
  tokensPerSecond: Spread
  perSequence: number
  /** The median as a share of the median at depth 0; null at depth 0, or if that was not measured before. */
  shareOfStart: number | null
  /** Experts that a token uses, by kind: a number, or a list with one for each layer if these differ. */
  expertsPerToken: PerMixture<number | number[]>
  activeBytesPerToken: number
  /** Active bytes times tokens a second, in GB: without reads of the cache, and more than a batch reads. */
  effectiveGbPerSecond: number
  /** Streaming read speed of the same threads between the samples, in GB a second (median). */
  streamGbPerSecond: number
  rssBytes: number
  /** Bytes of it in huge pages; null if the system does not report them. */
  hugePageBytes: number | null
  /**
   * Milliseconds from the request to the first token (median): for pp after the whole prompt, for tg after one more
   * token, for a batch until every sequence has its first.
   */
  firstTokenMs: number
}

interface Sample {
  tokensPerSecond: number
  firstTokenMs: number
}

interface Test extends Pick<BenchmarkRow, 'test' | 'batch'> {
  /** Measures the common speed of sessions. */
  run: (sessions: Session[]) => Promise<Sample>
}

/** Runs the tests of a plan on a loaded model. Yields each row as soon as it is measured. */
export async function* benchmark(model: Model, plan: BenchmarkPlan): AsyncGenerator<BenchmarkRow> {
  const { prompts, generate, depths, batches = [1], repetitions } = plan
  const tests: Test[] = [
    ...prompts.map((tokens): Test => {
      return { test: `pp${tokens}`, batch: 1, run: ([session]) => prefill(model, session, tokens) }
    }),
    ...(generate === 0 ? [] : batches).map((batch): Test => {
      return { test: `tg${generate}`, batch, run: (sessions) => decode(model, sessions, generate) }
    }),
  ]
  /** Speeds at depth 0. */
  const starts = new Map<Test, number>()
  for (const depth of depths) {
    for (const test of tests) {
      const row = await measure(model, test, depth, repetitions)
      const speed = row.tokensPerSecond.median
      if (depth === 0) starts.set(test, speed)
      const start = depth === 0 ? undefined : starts.get(test)
      yield { ...row, shareOfStart: start === undefined ? null : speed / start }
    }
  }
}

async function measure(model: Model, { test, batch, run }: Test, depth: number, repetitions: number) {
  if (model.config.architecture === 'classifier') throw new UsageError('a classifier generates nothing to measure')
  const samples: Sample[] = []
  const streams: number[] = []
  const sessions = Array.from({ length: batch }, () => model.createSession())
  // The first run does not count: it compiles code and touches memory for the first time.
  for (let repetition = -1; repetition < repetitions; repetition++) {
    const stream = await model.measureStream()
    await Promise.all(sessions.map((session, i) => fill(session, randomTokens(model, depth, 7 + i * depth))))
    const sample = await run(sessions)
    if (repetition < 0) continue
    samples.push(sample)
    streams.push(stream)
  }
  for (const session of sessions) session.dispose()
  const speed = spread(samples.map(({ tokensPerSecond }) => tokensPerSecond))
  const { activeBytes, quant } = model.info
  return {
    model: model.name,
    quant,
    cacheType: model.cacheType,
    threads: model.threads,
    tier: model.tier,
    node: process.versions.node,
    test,
    depth,
    batch,
    tokensPerSecond: speed,
    perSequence: speed.median / batch,
    expertsPerToken: perMixture(model.config.mixtures, usedPerToken),
    activeBytesPerToken: activeBytes,
    effectiveGbPerSecond: (speed.median * activeBytes) / 1e9,
    streamGbPerSecond: median(streams) / 1e9,
    rssBytes: process.memoryUsage().rss,
    hugePageBytes: hugePageBytes(),
    firstTokenMs: median(samples.map(({ firstTokenMs }) => firstTokenMs)),
  }
}

/**
 * Leaves only `tokens` in a session. It keeps all but the last of them from the run before: what the session must compute
 * again after it was cut back is then done before the next run.
 */
async function fill(session: Session, tokens: Int32Array): Promise<void> {
  const kept = Math.min(session.length, Math.max(0, tokens.length - 1))
  session.truncate(kept)
  if (tokens.length > 0) await session.forward(tokens.subarray(kept), { logits: 'none' })
}

async function prefill(model: Model, session: Session, tokens: number): Promise<Sample> {
  const ids = randomTokens(model, tokens, tokens)
  const started = performance.now()
  await session.forward(ids, { logits: 'last' })
  const ms = performance.now() - started
  return { tokensPerSecond: (tokens / ms) * 1000, firstTokenMs: ms }
}

/**
 * Generates with sampling and without an end of text. Each sequence has its own first token and seed: texts that
 * repeat themselves or each other would wake the same experts. Between the first generated token and the last are
 * `tokens` steps.
 */
async function decode(model: Model, sessions: Session[], tokens: number): Promise<Sample> {
  const results = await Promise.all(
    sessions.map((session, i) => {
      const options = { ...SAMPLED, maxTokens: tokens + 1, seed: i, ignoreEos: true }
      return resultOf(session.generate(randomTokens(model, 1, 3 + i), options))
    }),
  )
  const longest = Math.max(...results.map(({ decodeMs }) => decodeMs))
  const firstTokenMs = Math.max(...results.map(({ prefillMs }) => prefillMs))
  return { tokensPerSecond: ((sessions.length * tokens) / longest) * 1000, firstTokenMs }
}

/** Fixed in place of the model's own defaults, so that models can be compared. Every step is of one token. */
const SAMPLED = { ...UNFILTERED, topK: 40, promptLookupNumTokens: 0 }

/** Token ids spread over the vocabulary; equal seeds give equal ids. */
function randomTokens(model: Model, count: number, seed: number): Int32Array {
  const { vocabSize } = model.config
  return Int32Array.from({ length: count }, (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 0) % vocabSize)
}

export function spread(samples: number[]): Spread {
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length
  const squares = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0)
  return { median: median(samples), mean, sd: Math.sqrt(squares / Math.max(1, samples.length - 1)), samples }
}

/**
 * Bytes of this process's memory in huge pages (2 MiB on most machines). Reading weights there takes fewer look-ups in
 * the page tables. Only Linux reports them; null elsewhere.
 */
export function hugePageBytes(path = '/proc/self/smaps_rollup'): number | null {
  try {
    const [, kilobytes] = /^AnonHugePages:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8')) ?? []
    return kilobytes === undefined ? null : Number(kilobytes) * 1024
  } catch {
    return null
  }
}
