import { sharedBuffer } from '../../../ground/platform/threads.js'
import { inputRow, readGroup } from '../../../kernels/calls/groups.js'
import type { Bank, ProductObserver } from '../../../kernels/memory/bank.js'
import { withoutFormat } from '../../../kernels/memory/formats.js'
import type { Layout } from '../../../model/packing/format/layout.js'
import type { WeightStore } from '../../../model/weights/weight-store.js'

type Buffered = Parameters<ProductObserver>[0]

/** Rows of a buffer at one time. */
interface Snapshot {
  stride: number
  values: Float32Array
}

/** An input of a matrix: a row of a snapshot. */
interface Input {
  from: Snapshot
  row: number
}

/** Inputs of one layer's matrices. Many matrices read the same buffer, so its rows are kept once for all of them. */
export class LayerInputs {
  private readonly inputs = new Map<string, Input[]>()
  /** Latest snapshot of each buffer, by its address. */
  private readonly latest = new Map<number, Snapshot>()
  /** Names of the layer's matrices that every token needs, by their addresses. */
  private readonly dense = new Map<number, string>()
  private readonly experts: { address: () => number; matrices: { offset: number; name: string }[] }[]

  constructor(
    private readonly bank: Bank,
    store: WeightStore,
    layout: Layout,
    layer: number,
  ) {
    for (const part of layout.parts) {
      if (part.layer !== layer || part.expert) continue
      for (const { name, kind } of part.pieces) {
        if (kind === 'matrix') this.dense.set(withoutFormat(store.address(part.name, name)), `${part.name}/${name}`)
      }
    }
    this.experts = store.places
      .filter(({ part }) => part.layer === layer)
      .map(({ part, pool, id }) => ({
        address: () => pool.at(id),
        matrices: part.pieces
          .filter(({ kind }) => kind === 'matrix')
          .map(({ name, offset }) => ({ offset, name: `${part.name}/${name}` })),
      }))
  }

  /** Runs `work` and keeps the inputs of all products in it. */
  during(work: () => void): void {
    this.latest.clear()
    this.bank.productObserver = (input, table, groups) => this.observe(input, table, groups)
    try {
      work()
    } finally {
      this.bank.productObserver = undefined
    }
  }

  /** Names of the matrices that had inputs: PART/PIECE. */
  get names(): string[] {
    return [...this.inputs.keys()]
  }

  /** Inputs of a matrix, named PART/PIECE: [count, columns]. Undefined if there were none. */
  of(matrix: string, columns: number): Float32Array | undefined {
    const inputs = this.inputs.get(matrix)
    if (!inputs) return undefined
    const rows = new Float32Array(sharedBuffer(inputs.length * columns * 4))
    for (const [i, { from, row }] of inputs.entries()) {
      const start = row * from.stride
      rows.set(from.values.subarray(start, start + columns), i * columns)
    }
    return rows
  }

  private observe(input: Buffered, table: number, groups: number): void {
    const { bank, inputs } = this
    const names = this.matrices()
    const read: { name: string; rows: number[] }[] = []
    for (let i = 0; i < groups; i++) {
      const { weights, list, count } = readGroup(bank, table, i)
      const name = names.get(withoutFormat(weights))
      if (name === undefined) continue
      read.push({ name, rows: Array.from({ length: count }, (_, entry) => inputRow(bank, list, entry)) })
    }
    const most = read.reduce((most, { rows }) => rows.reduce((most, row) => Math.max(most, row), most), -1)
    const from = this.snapshot(input, most + 1)
    for (const { name, rows } of read) {
      const before = inputs.get(name) ?? []
      inputs.set(name, before)
      for (const row of rows) before.push({ from, row })
    }
  }

  /** The first `count` rows of a buffer: the latest snapshot, unless they have changed. */
  private snapshot({ address, stride }: Buffered, count: number): Snapshot {
    const now = this.bank.f32.subarray(address / 4, address / 4 + count * stride)
    const latest = this.latest.get(address)
    if (latest && latest.values.length >= now.length && now.every((value, i) => value === latest.values[i]))
      return latest
    const fresh = { stride, values: now.slice() }
    this.latest.set(address, fresh)
    return fresh
  }

  /** Names of the matrices in memory, by their addresses. */
  private matrices(): Map<number, string> {
    const names = new Map(this.dense)
    for (const { address, matrices } of this.experts) {
      const start = address()
      if (start !== 0) for (const { offset, name } of matrices) names.set(start + offset, name)
    }
    return names
  }
}
