import type { Bank } from '../../../kernels/memory/bank.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { LayerRows } from './cache-tensors.js'
import { type CachedLayer, pageHeads } from './layer-cache.js'
import type { Span } from './page-table.js'
import { PagedRows } from './paged-rows.js'

/** Keys and values of all layers of a sequence. Which positions count is for its cache to know. */
export class AllRows {
  /** Each once, in the order of the layers. */
  readonly list: LayerRows[] = []
  /** Those of layers that see a window of positions. */
  readonly windows: readonly LayerRows[]
  private readonly keys: (LayerRows | undefined)[] = []
  private readonly values: (LayerRows | undefined)[] = []
  /** Rows of a layer that keeps all positions. */
  private readonly whole?: LayerRows

  /** Allocates the tables of pages. Throws MemoryFull, and keeps nothing, if there is no memory for them. */
  constructor(private readonly layers: readonly CachedLayer[]) {
    try {
      for (const [layer, { bank, rows, format }] of layers.entries()) {
        if (!rows) continue
        const { channels, shared, window } = rows
        const add = (name: string, isTransposed: boolean): LayerRows => {
          const paged = new PagedRows(bank, channels, format, pageHeads(rows), isTransposed && rows.byHead)
          const added = { name: `layers.${layer}.${name}`, rows: paged, channels, window }
          this.list.push(added)
          return added
        }
        this.keys[layer] = add('keys', true)
        this.values[layer] = shared ? this.keys[layer] : add('values', false)
      }
    } catch (error) {
      this.release()
      throw error
    }
    this.windows = this.list.filter(({ window }) => window)
    this.whole = this.list.find(({ window }) => !window)
  }

  /** Bytes of its part of all pages. */
  get bytes(): number {
    return this.list.reduce((sum, { rows }) => sum + rows.pages.bytes, 0)
  }

  /** Whether the banks have enough memory for the rows of spans, and to own the pages from position `end` on. */
  hasRoom(spansOf: (rows: LayerRows) => Span[], end: number): boolean {
    const wanted = new Map<Bank, number>()
    for (const layer of this.list) {
      const { pages } = layer.rows
      const count = pages.missing(spansOf(layer)) + pages.sharedFrom(end)
      wanted.set(pages.bank, (wanted.get(pages.bank) ?? 0) + count * pages.pageBytes)
    }
    return [...wanted].every(([bank, bytes]) => bytes <= bank.arena.room)
  }

  /**
   * Address of the page of a layer without a window that has a position; 0 if there is none. Sequences with the same
   * one share all before.
   */
  pageOf(position: number): number {
    return this.whole?.rows.pages.pageOf(position) ?? 0
  }

  /** Stores the rows [first, first + tokens) of a layer from a position on. If K = V, `values` is not read. */
  store(layer: number, position: number, first: number, tokens: number, keys: Rows, values: Rows): void {
    this.keys[layer]?.rows.store(keys, first, position, tokens)
    if (!this.layers[layer].rows?.shared) this.values[layer]?.rows.store(values, first, position, tokens)
  }

  keyTable(layer: number): number {
    return this.keys[layer]?.rows.pages.address ?? 0
  }

  valueTable(layer: number): number {
    return this.values[layer]?.rows.pages.address ?? 0
  }

  /** Takes the pages of another sequence, in an empty one. */
  share({ list }: AllRows): void {
    for (const [i, { rows }] of this.list.entries()) rows.pages.share(list[i].rows.pages)
  }

  /** Makes the pages from a position on its own, so that they can be written. */
  own(position: number): void {
    for (const { rows } of this.list) rows.pages.own(position)
  }

  /** Number of positions at the beginning whose memory another sequence shares. */
  sharedWith({ whole }: AllRows): number {
    return this.whole && whole ? this.whole.rows.pages.sharedWith(whole.rows.pages) : 0
  }

  /** Takes the memory of the first `count` positions from a sequence that has the same tokens, and frees its former one. */
  adopt({ list }: AllRows, count: number): void {
    for (const [i, { rows }] of this.list.entries()) rows.pages.adopt(list[i].rows.pages, count)
  }

  release(): void {
    for (const { rows } of this.list) rows.pages.release()
  }
}
