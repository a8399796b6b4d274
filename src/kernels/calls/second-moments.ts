import { TILE_ROWS } from '../abi/formats.js'
import { GROUP_BYTES, LIST_ENTRY_BYTES, MOMENT_COLUMNS } from '../abi/products.js'
import type { Bank } from '../memory/bank.js'
import { padded } from '../memory/formats.js'
import { Rows } from '../memory/rows.js'
import { writeGroup, writeListEntry } from './groups.js'
import { OuterProducts } from './outer-products.js'

/**
 * Added to the mean square of every column: a share of the mean of all, and the worth of some rows of it. Without that,
 * a few rows would leave the weights of all other inputs free.
 */
const DAMPING = { share: 0.01, rows: 16 }

/**
 * Second moments of rows of inputs, for packing (assembly/pack-calibrated.ts): blocks of at most MOMENT_COLUMNS columns,
 * each row after row. They are damped, and scaled to a mean square of 1. The number of threads changes no bit.
 */
export class SecondMoments {
  private room = { address: 0, bytes: 0 }

  constructor(
    private readonly bank: Bank,
    private readonly threads: number,
  ) {}

  /** Computes the moments of `inputs` [rows, columns]. Returns their address, valid until the next call. */
  of(inputs: Float32Array, columns: number): number {
    const { bank, threads } = this
    const count = inputs.length / columns
    const stride = padded(columns)
    const sizes = blocksOf(stride)
    const target = this.roomFor(sizes.reduce((sum, size) => sum + size * size * 4, 0))
    const rowBytes = count * stride * 4
    const sumBytes = MOMENT_COLUMNS * MOMENT_COLUMNS * 4
    const bytes = rowBytes + sumBytes + GROUP_BYTES + count * LIST_ENTRY_BYTES
    const rows = bank.arena.allocate(bytes)
    const sums = rows + rowBytes
    const table = sums + sumBytes
    const list = table + GROUP_BYTES
    bank.u8.fill(0, rows, sums)
    for (let i = 0; i < count; i++) {
      bank.f32.set(inputs.subarray(i * columns, (i + 1) * columns), rows / 4 + i * stride)
      writeListEntry(bank, list, i, i, i)
    }
    writeGroup(bank, table, 0, sums, 0, list, count)
    let first = 0
    let block = target
    for (const size of sizes) {
      const part = { rows: new Rows(bank, rows + first * 4, count, size, stride), by: 'input' } as const
      bank.u8.fill(0, sums, sums + size * size * 4)
      new OuterProducts(bank, part, part, threads).run(table, 1)
      this.store(sums, { size, columns: Math.min(size, columns - first), rows: count }, block)
      first += size
      block += size * size * 4
    }
    bank.arena.release(rows, bytes)
    return target
  }

  /** Damps and scales the sums of a block of `size` columns, whose end may be padding, and orders them by rows. */
  private store(sums: number, { size, columns, rows }: Record<'size' | 'columns' | 'rows', number>, target: number) {
    const { f32 } = this.bank
    // A tile of floats has the 8 rows of a column side by side.
    const sum = (i: number, j: number) => f32[sums / 4 + ((i >> 3) * size + j) * TILE_ROWS + (i & 7)]
    let mean = 0
    for (let i = 0; i < columns; i++) mean += sum(i, i) / columns
    const scale = mean > 0 ? 1 / mean : 0
    const damping = mean > 0 ? DAMPING.share + DAMPING.rows / rows : 1
    for (let i = 0; i < size; i++) {
      const row = target / 4 + i * size
      for (let j = 0; j < size; j++) f32[row + j] = sum(i, j) * scale
      if (i < columns) f32[row + i] += damping
    }
  }

  private roomFor(bytes: number): number {
    const { bank, room } = this
    if (room.bytes < bytes) {
      this.room = { address: 0, bytes: 0 }
      if (room.bytes > 0) bank.arena.release(room.address, room.bytes)
      this.room = { address: bank.arena.allocate(bytes), bytes }
    }
    return this.room.address
  }
}

function blocksOf(columns: number): number[] {
  const sizes: number[] = []
  for (let first = 0; first < columns; first += MOMENT_COLUMNS) sizes.push(Math.min(MOMENT_COLUMNS, columns - first))
  return sizes
}
