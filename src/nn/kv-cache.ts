import { UserError } from '../errors.js'
import type { PartFormats } from '../packing/format.js'
import { PAGE_ROWS, PAGE_SHIFT } from '../runtime/abi.js'
import type { Bank } from '../runtime/bank.js'
import { type CacheFormat, cacheRowBytes } from '../runtime/formats.js'
import type { Rows } from '../runtime/rows.js'

/** What a layer keeps of each position. */
export interface CacheShape {
  /** Channels of a row of keys, and of one of values. */
  channels: number
  /** K = V: one row serves as both. */
  shared: boolean
}

/** A layer's shape, and the bank its pages lie in. */
export interface CachedLayer extends CacheShape {
  bank: Bank
  format: CacheFormat
}

/**
 * Numbers of the cached rows. Where attention's weights are quantised, so are the rows that it multiplies, to 8 bits; the
 * cache then does with the upper half of a float, which makes no difference that can be measured (docs/EVALUATION.md).
 */
export function cacheFormat(formats: PartFormats): CacheFormat {
  return formats.attention === 'f32' ? 'f32' : 'bf16'
}

/** A float and its bits. */
const FLOAT = new Float32Array(1)
const BITS = new Uint32Array(FLOAT.buffer)

/** Rows of one kind (keys or values) of one layer, in pages of 32; the kernels find a page by its table. */
class PagedRows {
  private tableAddress: number
  private capacity = 8
  private readonly pages: number[] = []
  private readonly rowBytes: number
  private readonly pageBytes: number

  constructor(
    private readonly bank: Bank,
    private readonly channels: number,
    private readonly format: CacheFormat,
  ) {
    this.rowBytes = cacheRowBytes(channels, format)
    this.pageBytes = this.rowBytes * PAGE_ROWS
    this.tableAddress = bank.arena.allocate(this.capacity * 4)
  }

  get table(): number {
    return this.tableAddress
  }

  get bytes(): number {
    return this.pages.reduce((sum, page) => sum + (page ? this.pageBytes : 0), 0)
  }

  /** Makes room for positions below `end`. */
  reserve(end: number): void {
    const wanted = Math.ceil(end / PAGE_ROWS)
    if (wanted > this.capacity) this.growTable(wanted)
    while (this.pages.length < wanted) {
      const page = this.bank.arena.allocate(this.pageBytes)
      this.bank.u32[this.tableAddress / 4 + this.pages.length] = page
      this.pages.push(page)
    }
  }

  /** Copies the first `count` rows to the positions from `position` on. */
  store({ address, strideBytes }: Rows, position: number, count: number): void {
    const { channels, format, rowBytes } = this
    const { kernels } = this.bank
    this.eachRun(position, count, (to, first, rows) => {
      const from = address + first * strideBytes
      if (format === 'f32') kernels.copyRows(from, strideBytes, to, rowBytes, channels * 4, rows)
      else kernels.narrowRows(from, strideBytes, to, rowBytes, channels, rows)
    })
  }

  /** Copies the rows of `count` positions from `position` on to `target`. */
  read(position: number, count: number, target: Float32Array): void {
    for (let i = 0; i < count; i++) {
      const row = this.addressOf(position + i)
      for (let c = 0; c < this.channels; c++) target[i * this.channels + c] = this.get(row, c)
    }
  }

  /** Sets the rows of `count` positions from `position` on. */
  write(position: number, count: number, source: Float32Array): void {
    for (let i = 0; i < count; i++) {
      const row = this.addressOf(position + i)
      for (let c = 0; c < this.channels; c++) this.put(row, c, source[i * this.channels + c])
    }
  }

  /** Channel c of the row at an address. */
  private get(row: number, c: number): number {
    if (this.format === 'f32') return this.bank.f32[row / 4 + c]
    BITS[0] = this.bank.u16[row / 2 + c] << 16
    return FLOAT[0]
  }

  private put(row: number, c: number, value: number): void {
    if (this.format === 'f32') {
      this.bank.f32[row / 4 + c] = value
    } else {
      FLOAT[0] = value
      // To the nearest, ties to even, as the kernels round.
      this.bank.u16[row / 2 + c] = (BITS[0] + 0x7fff + ((BITS[0] >>> 16) & 1)) >>> 16
    }
  }

  /** Gives back the pages that hold no position in [oldest, end). */
  keep(oldest: number, end: number): void {
    while (this.pages.length > Math.ceil(end / PAGE_ROWS)) this.free(this.pages.pop())
    for (let i = (oldest >> PAGE_SHIFT) - 1; i >= 0 && this.pages[i]; i--) {
      this.free(this.pages[i])
      this.pages[i] = 0
    }
  }

  release(): void {
    this.keep(0, 0)
    this.bank.arena.release(this.tableAddress, this.capacity * 4)
  }

  /** Calls `use` with the address of each run of rows that lie in one page, and how many came before. */
  private eachRun(position: number, count: number, use: (address: number, first: number, rows: number) => void): void {
    for (let first = 0; first < count; ) {
      const rows = Math.min(count - first, PAGE_ROWS - ((position + first) & (PAGE_ROWS - 1)))
      use(this.addressOf(position + first), first, rows)
      first += rows
    }
  }

  private addressOf(position: number): number {
    return this.pages[position >> PAGE_SHIFT] + (position & (PAGE_ROWS - 1)) * this.rowBytes
  }

  private free(page: number | undefined): void {
    if (page) this.bank.arena.release(page, this.pageBytes)
  }

  private growTable(wanted: number): void {
    const capacity = Math.max(wanted, 2 * this.capacity)
    const table = this.bank.arena.allocate(capacity * 4)
    this.bank.u32.set(this.pages, table / 4)
    this.bank.arena.release(this.tableAddress, this.capacity * 4)
    this.tableAddress = table
    this.capacity = capacity
  }
}

/**
 * Keys and values of one sequence: per layer, one row of A channels a position (two where K and V differ). There are no
 * position embeddings, so rows can be dropped at either end without recomputing anything.
 */
export class KVCache {
  private readonly keys: PagedRows[]
  private readonly values: PagedRows[]
  private end = 0
  private start = 0

  constructor(private readonly layers: CachedLayer[]) {
    this.keys = layers.map(({ bank, channels, format }) => new PagedRows(bank, channels, format))
    this.values = layers.map(({ bank, channels, format, shared }, l) => {
      return shared ? this.keys[l] : new PagedRows(bank, channels, format)
    })
  }

  /** Positions so far, dropped ones included: the position of the next token. */
  get length(): number {
    return this.end
  }

  /** The first position that is still held. */
  get oldest(): number {
    return this.start
  }

  /** Bytes of all pages. */
  get bytes(): number {
    return [...new Set([...this.keys, ...this.values])].reduce((sum, rows) => sum + rows.bytes, 0)
  }

  /** Makes room for `tokens` more positions in every layer. */
  reserve(tokens: number): void {
    for (const rows of this.keys) rows.reserve(this.end + tokens)
    for (const rows of this.values) rows.reserve(this.end + tokens)
  }

  /**
   * Stores new rows of a layer after the positions so far; they count once `advance` is called, after the last layer.
   * Where K = V, `values` is not read.
   */
  append(layer: number, tokens: number, keys: Rows, values: Rows): void {
    this.keys[layer].store(keys, this.end, tokens)
    if (!this.layers[layer].shared) this.values[layer].store(values, this.end, tokens)
  }

  /** Rows of all layers, oldest position first: each layer's keys and, where they differ, its values. */
  export(): Float32Array {
    const count = this.end - this.start
    const rows = new Float32Array(this.floats(count))
    this.eachKind(count, rows, (kind, part) => kind.read(this.start, count, part))
    return rows
  }

  /** Replaces everything by what `export` gave of a cache of the same shape, whose first row has position `oldest`. */
  import(rows: Float32Array, oldest: number): void {
    const count = rows.length / this.floats(1)
    if (!Number.isInteger(count)) throw new UserError('the saved cache is of another model: its size does not fit')
    this.reset()
    this.reserve(oldest + count)
    this.eachKind(count, rows, (kind, part) => kind.write(oldest, count, part))
    this.end = oldest + count
    this.forget(oldest)
  }

  keyTable(layer: number): number {
    return this.keys[layer].table
  }

  valueTable(layer: number): number {
    return this.values[layer].table
  }

  advance(tokens: number): void {
    this.end += tokens
  }

  /** Keeps only the positions below `length`. */
  truncate(length: number): void {
    this.end = Math.min(this.end, Math.max(length, this.start))
    this.trim()
  }

  /** Forgets the positions below `oldest`. */
  forget(oldest: number): void {
    this.start = Math.min(Math.max(oldest, this.start), this.end)
    this.trim()
  }

  reset(): void {
    this.start = 0
    this.end = 0
    this.trim()
  }

  release(): void {
    for (const rows of this.keys) rows.release()
    for (const [l, rows] of this.values.entries()) if (!this.layers[l].shared) rows.release()
  }

  /** Floats of `positions` rows of all layers. */
  private floats(positions: number): number {
    return this.layers.reduce((sum, { channels, shared }) => sum + positions * channels * (shared ? 1 : 2), 0)
  }

  private eachKind(positions: number, rows: Float32Array, use: (kind: PagedRows, part: Float32Array) => void): void {
    let at = 0
    for (const [l, { channels, shared }] of this.layers.entries()) {
      for (const kind of shared ? [this.keys[l]] : [this.keys[l], this.values[l]]) {
        use(kind, rows.subarray(at, at + positions * channels))
        at += positions * channels
      }
    }
  }

  private trim(): void {
    for (const rows of new Set([...this.keys, ...this.values])) rows.keep(this.start, this.end)
  }
}
