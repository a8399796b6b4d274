import { sharedBuffer } from '../../ground/platform/threads.js'
import { Bank } from '../../kernels/memory/bank.js'
import { withFormat } from '../../kernels/memory/formats.js'
import { type Layout, type MixtureKind, type Part, pieceOf } from '../packing/format/layout.js'
import { type BankPlan, type PoolPlan, planPools } from './bank-plan.js'
import { ExpertPool } from './expert-pool.js'
import { BELL_WORDS, Bell } from './residency.js'

/** Reads a part's packed bytes into memory, synchronously: the engine's thread has nothing else to do. */
export type ReadPart = (part: Part, target: Uint8Array) => void

/** Place of an expert: its number in the pool of its bank and kind. */
export interface ExpertPlace {
  /** Number of its mixture, in the order tokens meet them. */
  mixture: number
  part: Part
  pool: ExpertPool
  bank: number
  id: number
}

/** The weights of a model in their banks. Experts are read when tokens are routed to them, dense parts before. */
export class WeightStore {
  readonly banks: Bank[]
  /** Rings when several experts of a mixture are wanted. */
  readonly bell = new Int32Array(sharedBuffer(4 * BELL_WORDS))
  /** Whether a thread waits for the bell. */
  answersRequests = false
  private readonly addresses = new Map<string, number>()
  private readonly pools: Map<MixtureKind, ExpertPool>[]
  /** Number of a layer's expert 0 within its bank's pool. */
  private readonly first: Record<MixtureKind, number[]> = { attention: [], mlp: [] }
  private readonly mixtures: Record<MixtureKind, number[]> = { attention: [], mlp: [] }
  private denseBytes = 0

  constructor(
    private readonly layout: Layout,
    private readonly plan: BankPlan,
    first: Bank,
    private readonly readPart: ReadPart,
  ) {
    this.banks = plan.slots.map((_, bank) => (bank === 0 ? first : new Bank(first.module)))
    this.pools = plan.slots.map(() => new Map())
    for (const pool of planPools(layout, plan)) this.createPool(pool)
    let mixture = 0
    for (const { layer = 0, expert } of layout.parts)
      if (expert?.id === 0) this.mixtures[expert.kind][layer] = mixture++
  }

  readDense(): void {
    for (const part of this.denseParts) this.placeDense(part, (target) => this.readPart(part, target))
  }

  /** Parts that are always in memory, in the order of the file. */
  get denseParts(): Part[] {
    return this.layout.parts.filter(({ expert }) => !expert)
  }

  /** Reads everything that fits the budget. */
  readAll(): void {
    this.readDense()
    for (const { layer = 0, expert } of this.layout.parts) {
      if (expert) this.require(layer, expert.kind, Int32Array.of(expert.id), 1)
    }
  }

  /** Puts the bytes of a part in place, for a checkpoint that is packed as it is loaded. */
  place(part: Part, bytes: Uint8Array): void {
    const { layer = 0, expert } = part
    if (!expert) return this.placeDense(part, (target) => target.set(bytes))
    this.poolOf(layer, expert.kind).place(this.first[expert.kind][layer] + expert.id, bytes)
  }

  bankOf(layer: number): number {
    return this.plan.bankOfLayer[layer]
  }

  /** Address of a dense piece in its bank, with a matrix's format (withFormat). Throws if there is no such piece. */
  address(part: string, piece: string): number {
    const address = this.addresses.get(part)
    if (address === undefined) throw new RangeError(`part ${part} is not in memory`)
    return address + placeOf(this.layout.part(part), piece)
  }

  /** Address of an expert's first piece, valid after `require` has named it for this step. */
  expert(layer: number, kind: MixtureKind, expert: number): number {
    return this.poolOf(layer, kind).at(this.first[kind][layer] + expert)
  }

  /** Offset of a piece in each expert of a kind, by layer, and the format of a matrix (see withFormat). */
  expertPlaces(kind: MixtureKind, piece: string): Uint32Array[] {
    return Array.from({ length: this.layout.layers }, (_, layer) =>
      Uint32Array.from(this.layout.experts(layer, kind), (part) => placeOf(part, piece)),
    )
  }

  /** Makes the first `count` experts of the list resident; they stay so until the next call for the same bank. */
  require(layer: number, kind: MixtureKind, experts: Int32Array, count: number): void {
    this.poolOf(layer, kind).require(this.first[kind][layer], experts, count, () => {
      this.ring(layer, kind, 2 * count > this.layout.experts(layer, kind).length)
    })
  }

  /** Lets another thread, if there is one, read experts of the list before `require` names them. */
  request(layer: number, kind: MixtureKind, experts: Int32Array, count: number): void {
    if (!this.answersRequests) return
    const seekHelp = () => this.ring(layer, kind, false)
    this.poolOf(layer, kind).request(this.first[kind][layer], experts, count, seekHelp)
  }

  /** Places of all experts, in the order tokens meet them. */
  get places(): ExpertPlace[] {
    return this.layout.parts.flatMap((part) => {
      const { layer = 0, expert } = part
      if (!expert) return []
      const pool = this.poolOf(layer, expert.kind)
      const id = this.first[expert.kind][layer] + expert.id
      return { mixture: this.mixtures[expert.kind][layer], part, pool, bank: this.bankOf(layer), id }
    })
  }

  /** Counts since loading: requests for experts that were held and that were not, bytes read; and bytes held now. */
  stats(): { hits: number; misses: number; bytesRead: number; weightsBytes: number } {
    const pools = this.pools.flatMap((kinds) => [...kinds.values()])
    const total = { hits: 0, misses: 0, bytesRead: this.denseBytes, weightsBytes: this.denseBytes }
    for (const pool of pools) {
      const held = pool.heldBytes
      total.hits += pool.hits
      total.misses += pool.misses
      total.weightsBytes += held
      // With room for all, any thread reads an expert, once.
      total.bytesRead += pool.holdsAll ? held : pool.bytesRead
    }
    return total
  }

  private ring(layer: number, kind: MixtureKind, wantsMost: boolean): void {
    Atomics.store(this.bell, Bell.mixture, this.mixtures[kind][layer])
    Atomics.store(this.bell, Bell.wantsMost, wantsMost ? 1 : 0)
    Atomics.add(this.bell, Bell.rings, 1)
    Atomics.notify(this.bell, Bell.rings)
  }

  private poolOf(layer: number, kind: MixtureKind): ExpertPool {
    const pool = this.pools[this.bankOf(layer)].get(kind)
    if (!pool) throw new RangeError(`layer ${layer} has no ${kind} experts`)
    return pool
  }

  private createPool({ bank, kind, slots, parts, layers }: PoolPlan): void {
    for (const { layer, first } of layers) this.first[kind][layer] = first
    const read = (id: number, target: Uint8Array) => this.readPart(parts[id], target)
    const counts = { capacity: slots, experts: parts.length, layers: layers.length }
    const sizes = parts.map(({ bytes }) => bytes)
    this.pools[bank].set(kind, new ExpertPool(this.banks[bank], sizes, counts, read))
  }

  private placeDense(part: Part, fill: (target: Uint8Array) => void): void {
    const bank = this.banks[this.bankOfPart(part)]
    const address = bank.arena.allocate(part.bytes)
    fill(bank.u8.subarray(address, address + part.bytes))
    this.addresses.set(part.name, address)
    this.denseBytes += part.bytes
  }

  /** Parts before the layers are in the first bank, those after them in the last. */
  private bankOfPart(part: Part): number {
    if (part.layer !== undefined) return this.bankOf(part.layer)
    return part === this.layout.parts[0] ? 0 : this.banks.length - 1
  }
}

/** Offset of a piece in its part, and the format of a matrix. */
function placeOf(part: Part, name: string): number {
  const { kind, offset, format } = pieceOf(part, name)
  return kind === 'matrix' ? withFormat(offset, format) : offset
}
