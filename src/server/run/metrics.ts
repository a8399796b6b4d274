import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MemoryStats } from '../../api/model.js'
import type { PrefixCache } from '../../engine/session/shared/prefix-cache.js'
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

  /** Records the work of a model. */
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
    const { totals, processBytes } = this.metrics
    const all = await Promise.all(this.models.map(async (model) => ({ model, stats: await model.stats() })))
    for (const counter of Object.values(totals)) counter.reset()
    for (const { model, stats } of all) this.set(model, stats)
    processBytes.set(process.memoryUsage.rss())
    return this.registry.metrics()
  }

  private set(model: MeasuredModel, stats: MemoryStats): void {
    const { gauges, totals } = this.metrics
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
    gauges: mapped(GAUGES, gauge),
    processBytes: gauge('process_resident_bytes', 'Resident bytes of the process.', []),
    totals: mapped(TOTALS, counter),
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

function mapped<K extends string, T>(helps: Record<K, string>, of: (name: string, help: string) => T): Record<K, T> {
  const entries = Object.entries<string>(helps).map(([name, help]) => [name, of(name, help)])
  return Object.fromEntries(entries)
}
