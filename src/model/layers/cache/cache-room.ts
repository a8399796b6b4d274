import { NoRoom } from '../../../ground/errors.js'
import type { Bank } from '../../../kernels/memory/bank.js'
import type { LayerRows } from './cache-tensors.js'
import type { Span } from './page-table.js'

/** Whether the banks have enough memory for the rows of spans, and to own the pages from position `end` on. */
export function hasRoom(layerRows: readonly LayerRows[], spansOf: (rows: LayerRows) => Span[], end: number): boolean {
  const wanted = new Map<Bank, number>()
  for (const layer of layerRows) {
    const { pages } = layer.rows
    const { bank, pageBytes } = pages
    const count = pages.missing(spansOf(layer)) + pages.sharedFrom(end)
    wanted.set(bank, (wanted.get(bank) ?? 0) + count * pageBytes)
  }
  return [...wanted].every(([bank, bytes]) => bytes <= bank.arena.room)
}

/** Error of a request that the banks have no memory for. `tokens` are its session's. */
export function noRoom(what: string, tokens: NoRoom['tokens']): NoRoom {
  return new NoRoom(
    `no room for ${what}: all sessions together have what is left of 4 GiB, the size of a WebAssembly memory; remember ` +
      'fewer tokens with `context`, or dispose of other sessions',
    tokens,
  )
}
