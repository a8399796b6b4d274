import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MemoryStats } from '../../api/model.js'
import type { PrefixCache } from '../../session/shared/prefix-cache.js'
import type { Queue } from './queue.js'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** A model of the server. */
export interface MeasuredModel {
  readonly id: string
  readonly isInMemory: boolean
  readonly counts: Queue['counts']
  readonly kept: PrefixCache['kept']
  stats(): Promise<MemoryStats>
}

/** Records the work of one model. */
export interface RunMetrics {
  queued(ms: number): void
  promptRead(tokens: number, cached: number): void
  generated(ms: number, isFirst: boolean): void
}

/** Metrics for Prometheus. They name no client and no text. Those of one of several models have the label `model`. */
export class Metrics {
  private readonly registry = new Registry()
  private readonly labels: string[]
  private readonly requests: Counter
  private readonly requestSeconds: Histogram
  private readonly promptTokens: Counter
  private readonly cachedTokens: Counter
  private readonly answerTokens: Counter
  private readonly queueSeconds: Histogram
  private readonly firstSeconds: Histogram
  private readonly tokenSeconds: Histogram
  private readonly gauges: Record<keyof typeof GAUGES, Gauge>
  private readonly totals: Record<keyof typeof TOTALS, Counter>
  private readonly processBytes: Gauge

  constructor(private readonly models: readonly MeasuredModel[]) {
    this.labels = models.length > 1 ? ['model'] : []
    this.requests = this.counter('http_requests_total', 'Requests by path and status.', ['path', 'status'])
    this.promptTokens = this.counter('prompt_tokens_total', 'Tokens of prompts.')
    this.cachedTokens = this.counter('cached_tokens_total', 'Tokens of prompts found in a cache.')
    this.answerTokens = this.counter('generated_tokens_total', 'Generated tokens.')
    this.queueSeconds = this.histogram('queue_seconds', 'Time that sequences waited for a place.')
    this.firstSeconds = this.histogram('first_token_seconds', 'Time from a place to the first token of a sequence.')
    this.tokenSeconds = this.histogram('token_seconds', 'Time from one token of a sequence to the next.')
    this.requestSeconds = this.histogram('request_seconds', 'Time from a request to the head of its response.', [
      'path',
    ])
    this.gauges = mapped(GAUGES, (help, name) => this.gauge(name, help))
    this.processBytes = this.gauge('process_resident_bytes', 'Resident bytes of the process.', [])
    this.totals = mapped(TOTALS, (help, name) => this.counter(name, help))
    for (const model of models.length > 1 ? models : []) this.zero(this.labelsOf(model))
  }

  /** Counts a request that took `ms` up to the head of its response. */
  responded(path: string, status: number, ms: number): void {
    this.requests.inc({ path, status })
    this.requestSeconds.observe({ path }, ms / 1000)
  }

  /** Records the work of a model. */
  of(model: MeasuredModel): RunMetrics {
    const labels = this.labelsOf(model)
    return {
      queued: (ms) => this.queueSeconds.observe(labels, ms / 1000),
      promptRead: (tokens, cached) => {
        this.promptTokens.inc(labels, tokens)
        this.cachedTokens.inc(labels, cached)
      },
      generated: (ms, isFirst) => {
        this.answerTokens.inc(labels)
        if (isFirst) this.firstSeconds.observe(labels, ms / 1000)
        else this.tokenSeconds.observe(labels, ms / 1000)
      },
    }
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** All metrics in Prometheus's text format. */
  async text(): Promise<string> {
    const all = await Promise.all(this.models.map(async (model) => ({ model, stats: await model.stats() })))
    for (const counter of Object.values(this.totals)) counter.reset()
    for (const { model, stats } of all) this.set(model, stats)
    this.processBytes.set(process.memoryUsage.rss())
    return this.registry.metrics()
  }

  private set(model: MeasuredModel, stats: MemoryStats): void {
    const { gauges, totals } = this
    const labels = this.labelsOf(model)
    gauges.model_loaded.set(labels, model.isInMemory ? 1 : 0)
    gauges.sequences_running.set(labels, model.counts.running)
    gauges.requests_waiting.set(labels, model.counts.waiting)
    gauges.kept_sequences.set(labels, model.kept.sequences)
    gauges.kept_tokens.set(labels, model.kept.tokens)
    gauges.batch_tokens.set(labels, stats.lastBatchTokens)
    gauges.weights_bytes.set(labels, stats.weightsBytes)
    gauges.cache_bytes.set(labels, stats.cacheBytes)
    totals.micro_batches_total.inc(labels, stats.microBatches)
    totals.processed_tokens_total.inc(labels, stats.tokensProcessed)
    totals.expert_hits_total.inc(labels, stats.expertHits)
    totals.expert_misses_total.inc(labels, stats.expertMisses)
    totals.expert_bytes_read_total.inc(labels, stats.bytesRead)
  }

  /** Begins the metrics of labels; those without labels begin at 0. */
  private zero(labels: Record<string, string>): void {
    for (const counter of [this.promptTokens, this.cachedTokens, this.answerTokens]) counter.inc(labels, 0)
    for (const histogram of [this.queueSeconds, this.firstSeconds, this.tokenSeconds]) histogram.zero(labels)
  }

  private labelsOf({ id }: MeasuredModel): Record<string, string> {
    return this.labels.length > 0 ? { model: id } : {}
  }

  private counter(name: string, help: string, labelNames = this.labels): Counter {
    return new Counter({ name: `molm_${name}`, help, labelNames, registers: [this.registry] })
  }

  private gauge(name: string, help: string, labelNames = this.labels): Gauge {
    return new Gauge({ name: `molm_${name}`, help, labelNames, registers: [this.registry] })
  }

  private histogram(name: string, help: string, labelNames = this.labels): Histogram {
    return new Histogram({ name: `molm_${name}`, help, labelNames, buckets: SECONDS, registers: [this.registry] })
  }
}

const GAUGES = {
  model_loaded: '1 while the model is in memory, else 0.',
  sequences_running: 'Running sequences.',
  requests_waiting: 'Requests without a running sequence.',
  kept_sequences: 'Sequences kept for prompts with the same beginning.',
  kept_tokens: 'Tokens of kept sequences.',
  batch_tokens: 'Tokens in the last micro-batch.',
  weights_bytes: 'Bytes of weights in memory.',
  cache_bytes: 'Bytes of the caches of all sequences.',
}

/** Counters whose totals are counted elsewhere. */
const TOTALS = {
  micro_batches_total: 'Micro-batches that went through the model.',
  processed_tokens_total: 'Tokens that went through the model.',
  expert_hits_total: 'Uses of experts in memory.',
  expert_misses_total: 'Uses of experts that had to be read first.',
  expert_bytes_read_total: 'Bytes of experts read.',
}

function mapped<K extends string, T>(texts: Record<K, string>, of: (text: string, name: string) => T): Record<K, T> {
  const entries = Object.entries<string>(texts).map(([name, text]) => [name, of(text, name)])
  return Object.fromEntries(entries)
}
