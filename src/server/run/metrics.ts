import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MemoryStats } from '../../api/model.js'
import type { PrefixCache } from '../../engine/session/shared/prefix-cache.js'
import type { Queue } from './queue.js'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export interface MeasuredModel {
  readonly id: string
  readonly isInMemory: boolean
  readonly counts: Queue['counts']
  readonly kept: PrefixCache['kept']
  stats(): Promise<MemoryStats>
}

export interface RunMetrics {
  queued(ms: number): void
  promptRead(tokens: number, cached: number): void
  generated(ms: number, isFirst: boolean): void
}

/** Metrics for Prometheus. They name no client and no text. Those of one of several models have the label `model`. */
export class Metrics {
  private readonly registry = new Registry()
  private readonly metrics: ReturnType<typeof metricsIn>

  constructor(private readonly models: readonly MeasuredModel[]) {
    const labelNames = models.length > 1 ? ['model'] : []
    this.metrics = metricsIn(this.registry, labelNames)
    const { promptTokens, cachedTokens, answerTokens, queueSeconds, firstSeconds, tokenSeconds } = this.metrics
    // Metrics without labels begin at 0 by themselves.
    for (const labels of models.length > 1 ? models.map((model) => this.labelsOf(model)) : []) {
      for (const counter of [promptTokens, cachedTokens, answerTokens]) counter.inc(labels, 0)
      for (const histogram of [queueSeconds, firstSeconds, tokenSeconds]) histogram.zero(labels)
    }
  }

  /** Counts a request that took `ms` up to the head of its response. */
  responded(path: string, status: number, ms: number): void {
    this.metrics.requests.inc({ path, status })
    this.metrics.requestSeconds.observe({ path }, ms / 1000)
  }

  of(model: MeasuredModel): RunMetrics {
    const labels = this.labelsOf(model)
    const { promptTokens, cachedTokens, answerTokens, queueSeconds, firstSeconds, tokenSeconds } = this.metrics
    return {
      queued: (ms) => queueSeconds.observe(labels, ms / 1000),
      promptRead: (tokens, cached) => {
        promptTokens.inc(labels, tokens)
        cachedTokens.inc(labels, cached)
      },
      generated: (ms, isFirst) => {
        answerTokens.inc(labels)
        ;(isFirst ? firstSeconds : tokenSeconds).observe(labels, ms / 1000)
      },
    }
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** All metrics in Prometheus's text format. */
  async text(): Promise<string> {
    const { gauges, totals, processBytes } = this.metrics
    const all = await Promise.all(this.models.map(async (model) => ({ model, stats: await model.stats() })))
    for (const { metric } of totals) metric.reset()
    for (const { model, stats } of all) {
      const labels = this.labelsOf(model)
      for (const { metric, of } of gauges) metric.set(labels, of(stats, model))
      for (const { metric, of } of totals) metric.inc(labels, of(stats, model))
    }
    processBytes.set(process.memoryUsage.rss())
    return this.registry.metrics()
  }

  private labelsOf({ id }: MeasuredModel): Record<string, string> {
    return this.models.length > 1 ? { model: id } : {}
  }
}

/** All metrics, in the order of their text. */
function metricsIn(registry: Registry, ofModel: string[]) {
  const options = (name: string, help: string, labelNames: string[]) => {
    return { name: `molm_${name}`, help, labelNames, registers: [registry] }
  }
  const counter = (name: string, help: string, labels = ofModel) => new Counter(options(name, help, labels))
  const gauge = (name: string, help: string, labels = ofModel) => new Gauge(options(name, help, labels))
  const histogram = (name: string, help: string, labels = ofModel) => {
    return new Histogram({ ...options(name, help, labels), buckets: SECONDS })
  }
  return {
    requests: counter('http_requests_total', 'Requests by path and status.', ['path', 'status']),
    promptTokens: counter('prompt_tokens_total', 'Tokens of prompts.'),
    cachedTokens: counter('cached_tokens_total', 'Tokens of prompts found in a cache.'),
    answerTokens: counter('generated_tokens_total', 'Generated tokens.'),
    queueSeconds: histogram('queue_seconds', 'Time that sequences waited for a place.'),
    firstSeconds: histogram('first_token_seconds', 'Time from a place to the first token of a sequence.'),
    tokenSeconds: histogram('token_seconds', 'Time from one token of a sequence to the next.'),
    requestSeconds: histogram('request_seconds', 'Time from a request to the head of its response.', ['path']),
    gauges: GAUGES.map(([name, help, of]) => ({ metric: gauge(name, help), of })),
    processBytes: gauge('process_resident_bytes', 'Resident bytes of the process.', []),
    totals: TOTALS.map(([name, help, of]) => ({ metric: counter(name, help), of })),
  }
}

type Measure = [name: string, help: string, of: (stats: MemoryStats, model: MeasuredModel) => number]

const GAUGES: Measure[] = [
  ['model_loaded', '1 while the model is in memory, else 0.', (_, { isInMemory }) => Number(isInMemory)],
  ['sequences_running', 'Running sequences.', (_, { counts }) => counts.running],
  ['requests_waiting', 'Requests without a running sequence.', (_, { counts }) => counts.waiting],
  ['kept_sequences', 'Sequences kept for prompts with the same beginning.', (_, { kept }) => kept.sequences],
  ['kept_tokens', 'Tokens of kept sequences.', (_, { kept }) => kept.tokens],
  ['batch_tokens', 'Tokens in the last micro-batch.', ({ lastBatchTokens }) => lastBatchTokens],
  ['weights_bytes', 'Bytes of weights in memory.', ({ weightsBytes }) => weightsBytes],
  ['cache_bytes', 'Bytes of the caches of all sequences.', ({ cacheBytes }) => cacheBytes],
]

/** Counters whose totals are counted elsewhere. */
const TOTALS: Measure[] = [
  ['micro_batches_total', 'Micro-batches that went through the model.', ({ microBatches }) => microBatches],
  ['processed_tokens_total', 'Tokens that went through the model.', ({ tokensProcessed }) => tokensProcessed],
  ['expert_hits_total', 'Uses of experts in memory.', ({ expertHits }) => expertHits],
  ['expert_misses_total', 'Uses of experts that had to be read first.', ({ expertMisses }) => expertMisses],
  ['expert_bytes_read_total', 'Bytes of experts read.', ({ bytesRead }) => bytesRead],
]
