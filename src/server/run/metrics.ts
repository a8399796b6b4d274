import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Model } from '../../api/model.js'
import type { PrefixCache } from './prefix-cache.js'
import type { Queue } from './queue.js'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** Metrics for Prometheus. They name no client and no text. */
export class Metrics {
  private readonly registry = new Registry()
  private readonly requests = this.counter('http_requests_total', 'Requests by path and status.', ['path', 'status'])
  private readonly promptTokens = this.counter('prompt_tokens_total', 'Tokens of prompts.')
  private readonly cachedTokens = this.counter('cached_tokens_total', 'Tokens of prompts found in a cache.')
  private readonly answerTokens = this.counter('generated_tokens_total', 'Generated tokens.')
  private readonly queueSeconds = this.histogram('queue_seconds', 'Time that sequences waited for a place.')
  private readonly firstSeconds = this.histogram(
    'first_token_seconds',
    'Time from a place to the first token of a sequence.',
  )
  private readonly tokenSeconds = this.histogram('token_seconds', 'Time from one token of a sequence to the next.')
  private readonly requestSeconds = this.histogram(
    'request_seconds',
    'Time from a request to the head of its response.',
    ['path'],
  )

  constructor(
    private readonly model: Model,
    private readonly queue: Queue,
    private readonly prefixCache: PrefixCache,
  ) {}

  /** Counts a request that took `ms` up to the head of its response. */
  responded(path: string, status: number, ms: number): void {
    this.requests.inc({ path, status })
    this.requestSeconds.observe({ path }, ms / 1000)
  }

  queued(ms: number): void {
    this.queueSeconds.observe(ms / 1000)
  }

  promptRead(tokens: number, cached: number): void {
    this.promptTokens.inc(tokens)
    this.cachedTokens.inc(cached)
  }

  generated(ms: number, isFirst: boolean): void {
    this.answerTokens.inc()
    if (isFirst) this.firstSeconds.observe(ms / 1000)
    else this.tokenSeconds.observe(ms / 1000)
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** All metrics in Prometheus's text format. */
  async text(): Promise<string> {
    const stats = await this.model.stats()
    this.gauges.sequences_running.set(this.queue.counts.running)
    this.gauges.requests_waiting.set(this.queue.counts.waiting)
    this.gauges.kept_sequences.set(this.prefixCache.kept.sequences)
    this.gauges.kept_tokens.set(this.prefixCache.kept.tokens)
    this.gauges.batch_tokens.set(stats.lastBatchTokens)
    this.gauges.weights_bytes.set(stats.weightsBytes)
    this.gauges.cache_bytes.set(stats.cacheBytes)
    this.gauges.process_bytes.set(process.memoryUsage.rss())
    setTotal(this.totals.micro_batches_total, stats.microBatches)
    setTotal(this.totals.processed_tokens_total, stats.tokensProcessed)
    setTotal(this.totals.expert_hits_total, stats.expertHits)
    setTotal(this.totals.expert_misses_total, stats.expertMisses)
    setTotal(this.totals.expert_bytes_read_total, stats.bytesRead)
    return this.registry.metrics()
  }

  private readonly gauges = {
    sequences_running: this.gauge('sequences_running', 'Running sequences.'),
    requests_waiting: this.gauge('requests_waiting', 'Requests without a running sequence.'),
    kept_sequences: this.gauge('kept_sequences', 'Sequences kept for prompts with the same beginning.'),
    kept_tokens: this.gauge('kept_tokens', 'Tokens of kept sequences.'),
    batch_tokens: this.gauge('batch_tokens', 'Tokens in the last micro-batch.'),
    weights_bytes: this.gauge('weights_bytes', 'Bytes of weights in memory.'),
    cache_bytes: this.gauge('cache_bytes', 'Bytes of the caches of all sequences.'),
    process_bytes: this.gauge('process_resident_bytes', 'Resident bytes of the process.'),
  }

  private readonly totals = {
    micro_batches_total: this.counter('micro_batches_total', 'Micro-batches that went through the model.'),
    processed_tokens_total: this.counter('processed_tokens_total', 'Tokens that went through the model.'),
    expert_hits_total: this.counter('expert_hits_total', 'Uses of experts in memory.'),
    expert_misses_total: this.counter('expert_misses_total', 'Uses of experts that had to be read first.'),
    expert_bytes_read_total: this.counter('expert_bytes_read_total', 'Bytes of experts read.'),
  }

  private counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `molm_${name}`, help, labelNames, registers: [this.registry] })
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `molm_${name}`, help, registers: [this.registry] })
  }

  private histogram<L extends string = never>(name: string, help: string, labelNames: L[] = []): Histogram<L> {
    return new Histogram({ name: `molm_${name}`, help, labelNames, buckets: SECONDS, registers: [this.registry] })
  }
}

/** Sets a counter whose total is counted elsewhere. */
function setTotal(counter: Counter, total: number): void {
  counter.reset()
  counter.inc(total)
}
