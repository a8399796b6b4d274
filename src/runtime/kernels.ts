import type { Bank } from './bank.js'
import { JOB } from './control.js'
import { fusesVectors } from './v8-flags.js'

/** Weight formats as the kernels number them (assembly/matmul.ts). */
export const FORMAT = { f32: 0, q8: 1, q4: 2 } as const
export type Format = keyof typeof FORMAT

/** Activation functions as the kernels number them (assembly/activation.ts). */
export const ACTIVATION = { identity: 0, gelu_new: 1, gelu: 2, silu: 3, relu: 4, tanh: 5 } as const
export type ActivationName = keyof typeof ACTIVATION

/** Positions a page of the KV cache holds: 1 << PAGE_SHIFT (assembly/attention.ts). */
export const PAGE_SHIFT = 5
export const PAGE_ROWS = 1 << PAGE_SHIFT

export const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple

/** Bytes of a quantised activation row of `columns` columns, a multiple of 32 (assembly/quantize.ts). */
export const recordBytes = (columns: number): number => roundUp((columns / 32) * 104, 64)

/** Numbers of the KV cache's rows as the kernels number them (assembly/attention.ts). */
export const CACHE_FORMAT = { f32: 0, bf16: 1 } as const
export type CacheFormat = keyof typeof CACHE_FORMAT

/**
 * Bytes from one row of the KV cache to the next, an odd number of cache lines: attention reads eight rows side by side,
 * and at a power of two all of them would fight for the same set of the first-level cache (1.1 to 1.4 times slower).
 */
export const cacheRowBytes = (channels: number, format: CacheFormat): number =>
  64 * (Math.ceil((channels * (format === 'bf16' ? 2 : 4)) / 64) | 1)

/**
 * A typed call is bound once to its shapes and addresses, and then run for every step: it writes its arguments into the
 * bank's control block and runs the job. Nothing is allocated a call. The meaning of each argument is the contract on
 * top of the kernel's file in assembly/.
 */
abstract class Call {
  protected readonly args: Uint32Array
  protected readonly floatArgs: Float32Array

  constructor(
    protected readonly bank: Bank,
    private readonly kind: number,
    protected readonly template: number[],
  ) {
    this.args = bank.control.args
    this.floatArgs = bank.control.floatArgs
  }

  protected load(): void {
    const { args, template } = this
    for (let i = 0; i < template.length; i++) args[i] = template[i]
  }

  protected start(chunks: number): void {
    this.bank.run(this.kind, chunks)
  }
}

/** Scratch for unpacked 4-bit weights, one a bank, for the widest matrix that was asked for. */
const scratches = new WeakMap<Bank, { address: number; bytes: number }>()

function scratchFor(bank: Bank, columns: number, threads: number): number {
  const bytes = (columns / 32) * 288 * threads
  let scratch = scratches.get(bank)
  if (!scratch || scratch.bytes < bytes) {
    scratch = { address: bank.arena.allocate(bytes), bytes }
    scratches.set(bank, scratch)
  }
  return scratch.address
}

/** Fewer rows would leave each half of a chunk (assembly/matmul.ts) a single band, too short for the prefetcher. */
const LEAST_ROWS = 32

export interface MatmulShape {
  format: Format
  /** Inputs of each matrix. */
  columns: number
  /** Outputs of each matrix. */
  rows: number
  /** Address of the activations: rows of floats for f32, records otherwise. */
  input: number
  /** Address of the output rows, and floats from one to the next. */
  output: number
  outputStride: number
  activation?: ActivationName
  /** Address of records of the activated output, and the columns of the next product that reads them. */
  records?: number
  recordColumns?: number
}

/** Grouped matrix product; the table of groups is written by `Groups`. */
export class Matmul extends Call {
  private readonly rows: number
  private readonly step: number

  constructor(
    bank: Bank,
    readonly shape: MatmulShape,
    private readonly threads: number,
  ) {
    const columns = roundUp(shape.columns, 32)
    const inputStride = shape.format === 'f32' ? columns * 4 : recordBytes(columns)
    const recordColumns = roundUp(shape.recordColumns ?? 0, 32)
    super(bank, JOB.MATMUL, [
      FORMAT[shape.format],
      columns,
      shape.rows,
      0,
      0,
      0,
      shape.input,
      inputStride,
      shape.output,
      shape.outputStride * 4,
      ACTIVATION[shape.activation ?? 'identity'],
      shape.records ?? 0,
      shape.records ? recordBytes(recordColumns) : 0,
      recordColumns,
      shape.format === 'q4' ? scratchFor(bank, columns, threads) : 0,
      // Where V8 fuses pairs of 128-bit operations, four rows fit the registers; see tile-q4-unpacked.ts.
      fusesVectors() ? 4 : 1,
    ])
    this.rows = roundUp(shape.rows, 8)
    this.step = shape.records ? 32 : 8
  }

  /** Runs `groups` groups of the table at `table`. `work` is the number of activation rows in all of them together. */
  run(table: number, groups: number, work: number): void {
    this.load()
    const rowsPerChunk = this.chunkRows(groups, work)
    const chunksPerGroup = Math.ceil(this.rows / rowsPerChunk)
    this.args[3] = table
    this.args[4] = chunksPerGroup
    this.args[5] = rowsPerChunk
    this.start(groups * chunksPerGroup)
  }

  /**
   * Rows of a chunk: some sixteen chunks a thread, so that nobody waits long for the last one, but none below 16,384
   * multiplications, which are over before another thread could have joined, nor below LEAST_ROWS.
   */
  private chunkRows(groups: number, work: number): number {
    const { rows, step, threads } = this
    const share = (rows * groups) / (threads * 16)
    const least = (16384 * groups) / (Math.max(work, 1) * this.template[1])
    const wanted = threads === 1 ? rows : Math.max(share, least, LEAST_ROWS)
    return Math.min(roundUp(Math.max(wanted, 1), step), roundUp(rows, step))
  }
}

export interface NormShape {
  /** Address of the residual stream, rows of `width` rounded up to 32 floats. */
  x: number
  width: number
  /** Outputs of the k experts of each token that are added first, their stride in floats, and the gates. */
  y?: { address: number; stride: number; gates: number; k: number }
  /** LayerNorm after the addition: its target, and the target's records where the next product reads them. */
  norm?: { output: number; records: number }
}

/** Residual addition and LayerNorm. */
export class Norm extends Call {
  constructor(
    bank: Bank,
    shape: NormShape,
    private readonly threads: number,
  ) {
    const padded = roundUp(shape.width, 32)
    const { y, norm } = shape
    super(bank, JOB.NORM, [
      shape.x,
      padded,
      shape.width,
      0,
      0,
      y?.address ?? 0,
      (y?.stride ?? 0) * 4,
      y?.gates ?? 0,
      y?.k ?? 0,
      0,
      0,
      norm?.output ?? 0,
      norm?.records ?? 0,
      recordBytes(padded),
    ])
  }

  /** `weight` and `bias` are addresses of the LayerNorm's vectors, 0 to leave it out. */
  run(tokens: number, weight: number, bias: number): void {
    this.load()
    const perChunk = this.threads === 1 ? tokens : Math.max(4, Math.ceil(tokens / (this.threads * 4)))
    this.args[3] = tokens
    this.args[4] = perChunk
    this.args[9] = weight
    this.args[10] = bias
    this.start(Math.ceil(tokens / perChunk))
  }
}

export interface AttentionShape {
  /** Queries and outputs: k rows a token, `stride` floats apart. */
  q: number
  o: number
  stride: number
  /** Records of the outputs, or 0. */
  records: number
  channels: number
  heads: number
  k: number
  /** Numbers of the cached rows. */
  rows: CacheFormat
  /** Length of the stick below which older keys are not visited. */
  enough: number
  /** Where the number of visited keys goes (u32 an item and head). */
  depths: number
}

/** Stick-breaking attention of new tokens over the cache. */
export class Attention extends Call {
  constructor(
    bank: Bank,
    private readonly shape: AttentionShape,
    private readonly threads: number,
  ) {
    const { q, o, stride, records, channels, heads, k, depths, rows } = shape
    const padded = roundUp(channels, 32)
    const output = [o, records, recordBytes(padded)]
    const cache = [0, 0, cacheRowBytes(channels, rows), channels, heads, 0, 0]
    super(bank, JOB.ATTENTION, [
      q,
      stride * 4,
      ...output,
      ...cache,
      k,
      0,
      0,
      0,
      0,
      padded,
      depths,
      1,
      CACHE_FORMAT[rows],
    ])
  }

  /** `keys` and `values` are addresses of page tables; `position` is that of the first token, `oldest` the first kept. */
  run(tokens: number, keys: number, values: number, position: number, oldest: number): void {
    this.load()
    const { args, floatArgs, shape } = this
    const items = tokens * shape.k
    const parts = this.partsOf(items)
    const units = items * parts
    const perChunk = this.threads === 1 ? units : Math.max(1, Math.min(8, Math.floor(units / (this.threads * 4))))
    args[5] = keys
    args[6] = values
    args[10] = position
    args[11] = oldest
    args[13] = items
    args[14] = perChunk
    args[19] = parts
    floatArgs[15] = 1 / Math.sqrt(shape.channels / shape.heads)
    floatArgs[16] = shape.enough
    this.start(Math.ceil(units / perChunk))
  }

  /**
   * Parts that the heads of an item are split into. A decode step has only k items, too few for the threads; but the
   * records of the output come in blocks of 32 channels, which no two threads may share.
   */
  private partsOf(items: number): number {
    const { channels, heads } = this.shape
    if (this.threads === 1 || items >= this.threads * 4 || (channels / heads) % 32 !== 0) return 1
    return heads
  }
}

/** Embedding rows of token ids. */
export class Embedding extends Call {
  constructor(bank: Bank, format: Format, width: number, ids: number, x: number) {
    super(bank, JOB.EMBEDDING, [FORMAT[format], roundUp(width, 32), 0, ids, 0, x])
  }

  run(table: number, tokens: number): void {
    this.load()
    this.args[2] = table
    this.args[4] = tokens
    this.start(1)
  }
}

/** What a row of logits comes down to: the id of the largest (the lowest among equals), and log(sum(e^logit)). */
export interface LogitSummary {
  argmax: number
  logSumExp: number
}

/** Logits of a chunk: the same for any number of threads, and so is the result. */
const SUMMARY_CHUNK = 4096

/** Largest and log-sum-exp of a row of logits. */
export class Summary extends Call {
  private readonly chunks: number
  private readonly results: number

  constructor(bank: Bank, count: number) {
    const chunks = Math.ceil(count / SUMMARY_CHUNK)
    const results = bank.arena.allocate(chunks * 16)
    super(bank, JOB.SUMMARY, [0, count, SUMMARY_CHUNK, results])
    this.chunks = chunks
    this.results = results
  }

  /** Of the row at `address`; undefined where a logit is infinite or none is a number. */
  run(address: number): LogitSummary | undefined {
    const { bank, chunks, results } = this
    this.load()
    this.args[0] = address
    this.start(chunks)
    let best = 0
    for (let c = 1; c < chunks; c++) if (this.largest(c) > this.largest(best)) best = c
    const largest = this.largest(best)
    let sum = 0
    for (let c = 0; c < chunks; c++) sum += bank.f64[results / 8 + 2 * c] * Math.exp(this.largest(c) - largest)
    const logSumExp = largest + Math.log(sum)
    return Number.isFinite(logSumExp) ? { argmax: bank.u32[results / 4 + 4 * best + 3], logSumExp } : undefined
  }

  private largest(chunk: number): number {
    return this.bank.f32[this.results / 4 + 4 * chunk + 2]
  }
}
