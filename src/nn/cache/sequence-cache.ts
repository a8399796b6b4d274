import { NoRoom, UserError } from '../errors.js'
import type { PartFormats } from '../packing/format/formats.js'
import { MemoryFull } from '../runtime/memory/arena.js'
import type { Bank } from '../runtime/memory/bank.js'
import type { CacheFormat } from '../runtime/memory/formats.js'
import type { Rows } from '../runtime/memory/rows.js'
import { bytesOfRow, PagedRows, type Span } from './paged-rows.js'

/** Contents of a layer's cache per position. */
export interface CacheShape {
  /** Channels of a row of keys, and of one of values. */
  channels: number
  /**
   * Heads of these channels; pages then hold the rows of one head after another, with keys transposed. Absent: pages
   * hold whole rows.
   */
  heads?: number
  /** K = V: one row serves as both. */
  shared: boolean
}

/** A layer's shape, and the bank of its pages. */
export interface CachedLayer extends CacheShape {
  bank: Bank
  format: CacheFormat
}

/**
 * Number format of the cached rows. If attention's weights are quantised, its products round these rows to 8 bits
 * anyway; the cache then stores the upper half of a float, which makes no measurable difference (docs/EVALUATION.md).
 */
export function cacheFormat(formats: PartFormats): CacheFormat {
  return formats.attention === 'f32' ? 'f32' : 'bf16'
}

/** Bytes that one position takes in the caches of some layers. */
export function positionBytes(layers: readonly Omit<CachedLayer, 'bank'>[]): number {
  return layers.reduce((sum, { channels, heads, format, shared }) => {
    return sum + bytesOfRow(channels, format, heads) * (shared ? 1 : 2)
  }, 0)
}

/**
 * Keys and values of one sequence: per layer and position, one row of A channels (two if K and V differ). Rows can be
 * dropped at the end without computing anything again. A model that does not tell positions apart can also drop rows at
 * the beginning.
 */
export class KVCache {
  private readonly keys: PagedRows[]
  private readonly values: PagedRows[]
  /** Rows of all layers, each once. */
  private readonly kinds: PagedRows[]
  private end = 0
  private start = 0
  /** State of the cache before the request under way. */
  private held?: Span

  constructor(private readonly layers: CachedLayer[]) {
    this.kinds = []
    const rows = ({ bank, channels, heads, format }: CachedLayer, isTransposed: boolean): PagedRows => {
      const kind = new PagedRows(bank, channels, format, heads ? { heads, isTransposed } : undefined)
      this.kinds.push(kind)
      return kind
    }
    try {
      this.keys = layers.map((layer) => rows(layer, true))
      this.values = layers.map((layer, l) => (layer.shared ? this.keys[l] : rows(layer, false)))
    } catch (error) {
      this.release()
      throw error instanceof MemoryFull ? noRoom('another session', { held: 0, more: 0 }) : error
    }
  }

  /** Positions so far, including dropped ones: the position of the next token. */
  get length(): number {
    return this.end
  }

  /** First position that is still held. */
  get oldest(): number {
    return this.start
  }

  /** Bytes of all pages. */
  get bytes(): number {
    return this.kinds.reduce((sum, rows) => sum + rows.bytes, 0)
  }

  /**
   * Makes room for `tokens` more positions in every layer. Throws NoRoom, and allocates nothing, if there is not enough
   * memory.
   */
  reserve(tokens: number): void {
    const span = { start: this.start, end: this.end + tokens }
    if (this.kinds[0].missing(span) === 0) return
    const refusal = () => noRoom(`${tokens} more tokens`, { held: this.end - this.start, more: tokens })
    if (!this.fits(span)) throw refusal()
    try {
      for (const rows of this.kinds) rows.reserve(span)
    } catch (error) {
      this.trim()
      throw error instanceof MemoryFull ? refusal() : error
    }
  }

  /** Begins a request that may fail: until `commit`, `rollback` restores the positions that are held now. */
  begin(): void {
    this.held = { start: this.start, end: this.end }
  }

  /** Completes the request: frees the positions that it forgot. */
  commit(): void {
    const { held } = this
    this.held = undefined
    if (held && held.start < this.start) for (const rows of this.kinds) rows.drop(held, this.start)
  }

  /** Undoes the request: restores the positions that it found. */
  rollback(): void {
    if (!this.held) return
    this.start = this.held.start
    this.end = this.held.end
    this.held = undefined
    this.trim()
  }

  /**
   * Stores the rows [first, first + tokens) of a layer after the positions so far; they count once `advance` is called,
   * after the last layer. If K = V, `values` is not read.
   */
  append(layer: number, first: number, tokens: number, keys: Rows, values: Rows): void {
    this.keys[layer].store(keys, first, this.end, tokens)
    if (!this.layers[layer].shared) this.values[layer].store(values, first, this.end, tokens)
  }

  /** Exports the rows of all layers, oldest position first: each layer's keys and, if they differ, its values. */
  export(): Float32Array {
    const count = this.end - this.start
    const rows = new Float32Array(this.floats(count))
    this.eachKind(count, rows, (kind, part) => kind.read(this.start, count, part))
    return rows
  }

  /**
   * Restores the `export` of a cache of the same shape, whose first row has position `oldest`. The cache must be empty.
   * Throws a UserError if the rows do not make up `positions` in all.
   */
  import(rows: Float32Array, oldest: number, positions: number): void {
    const count = positions - oldest
    if (!Number.isInteger(rows.length / this.floats(1))) {
      throw new UserError('the saved cache belongs to another model: its size does not match')
    }
    if (!Number.isInteger(oldest) || oldest < 0 || rows.length !== this.floats(count)) {
      throw new UserError('the saved cache does not fit its tokens')
    }
    this.start = oldest
    this.end = oldest
    this.reserve(count)
    this.eachKind(count, rows, (kind, part) => kind.write(oldest, count, part))
    this.end = positions
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

  /** Keeps only the positions below `length`; if those have been forgotten, the cache is empty afterwards. */
  truncate(length: number): void {
    this.end = Math.min(this.end, length)
    this.start = Math.min(this.start, this.end)
    this.trim()
  }

  /** Forgets the positions below `oldest`. */
  forget(oldest: number): void {
    this.start = Math.min(Math.max(oldest, this.start), this.end)
    this.trim()
  }

  release(): void {
    for (const rows of this.kinds) rows.release()
  }

  /** Whether the banks have enough memory for the positions of a span. */
  private fits(span: Span): boolean {
    const wanted = new Map<Bank, number>()
    for (const rows of this.kinds) {
      wanted.set(rows.bank, (wanted.get(rows.bank) ?? 0) + rows.missing(span) * rows.pageBytes)
    }
    return [...wanted].every(([bank, bytes]) => bytes <= bank.arena.room)
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
    for (const rows of this.kinds) rows.keep({ start: this.start, end: this.end }, this.held)
  }
}

function noRoom(what: string, tokens: NoRoom['tokens']): NoRoom {
  return new NoRoom(
    `no room for ${what}: all sessions together have what is left of 4 GiB, the size of a WebAssembly memory; remember ` +
      'fewer tokens with `context`, or dispose of other sessions',
    tokens,
  )
}
