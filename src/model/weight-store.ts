import type { Layout, Part } from '../packing/layout.js'
import { headName, pieceOf } from '../packing/layout.js'
import { Bank } from '../runtime/bank.js'
import { type BankPlan, EXPERT_KINDS, expertCount, partName } from './bank-plan.js'
import type { ModelConfig } from './config.js'
import { ExpertPool } from './expert-pool.js'
import { placeBlock } from './placed-weights.js'
import type { BlockWeights, ExpertKind, NormWeights, Weights } from './weights.js'

/** Reads a part's packed bytes into memory; synchronous, since the engine's thread has nothing else to do meanwhile. */
export type ReadPart = (part: Part, target: Uint8Array) => void

/** Where an expert belongs: its number in the pool of its bank and kind. */
export interface ExpertPlace {
  /** 2 * layer, + 1 for MLP. */
  mixture: number
  part: Part
  pool: ExpertPool
  bank: number
  id: number
}

/** The weights of a model in their banks: dense parts from the start, experts as they are routed to. */
export class WeightStore implements Weights {
  readonly banks: Bank[]
  readonly outputOffset: { attention: number; mlp: number }
  /** Rung when several experts of a mixture are wanted: number of rings, and the mixture (2 * layer, + 1 for MLP). */
  readonly bell = new Int32Array(new SharedArrayBuffer(8))
  private readonly addresses = new Map<string, number>()
  private readonly pools: Record<ExpertKind, ExpertPool>[]
  /** Number of a layer's expert 0 within its bank's pool. */
  private readonly first: Record<ExpertKind, number[]> = { attention: [], mlp: [] }
  private placedBlocks?: BlockWeights[]
  private denseBytes = 0

  constructor(
    private readonly config: ModelConfig,
    private readonly layout: Layout,
    private readonly plan: BankPlan,
    module: WebAssembly.Module,
    private readonly readPart: ReadPart,
  ) {
    this.banks = plan.slots.map(() => new Bank(module))
    const offset = (kind: ExpertKind) => pieceOf(layout.part(partName(0, kind, 0)), 'output').offset
    this.outputOffset = { attention: offset('attention'), mlp: offset('mlp') }
    this.pools = plan.slots.map((slots, bank) => ({
      attention: this.createPool('attention', bank, slots.attention),
      mlp: this.createPool('mlp', bank, slots.mlp),
    }))
  }

  /** Reads every dense part. */
  readDense(): void {
    for (const part of this.layout.parts) {
      if (isExpert(part)) continue
      this.placeDense(part, (target) => this.readPart(part, target))
    }
  }

  /** Reads everything, as far as the budget holds it. */
  readAll(): void {
    this.readDense()
    for (const { layer, kind, id } of this.layout.parts.flatMap((part) => isExpert(part) ?? [])) {
      this.require(layer, kind, Int32Array.of(id), 1)
    }
  }

  /** Puts a part in place whose bytes are at hand: the way in for a checkpoint that is packed as it is loaded. */
  place(part: Part, bytes: Uint8Array): void {
    const expert = isExpert(part)
    if (!expert) return this.placeDense(part, (target) => target.set(bytes))
    const { layer, kind, id } = expert
    this.pools[this.plan.bankOfLayer[layer]][kind].place(this.first[kind][layer] + id, bytes)
  }

  get embedding(): number {
    return this.at('embedding')
  }

  get head(): number {
    return this.at(headName(this.config))
  }

  get finalNorm(): NormWeights {
    const part = this.layout.part('final')
    const at = (name: string) => this.at('final') + pieceOf(part, name).offset
    return { weight: at('ln_f.weight'), bias: at('ln_f.bias') }
  }

  get blocks(): BlockWeights[] {
    this.placedBlocks ??= this.plan.bankOfLayer.map((bank, layer) => {
      return placeBlock(this.config, this.layout, ({ name }) => this.at(name), this.banks, layer, bank)
    })
    return this.placedBlocks
  }

  expert(layer: number, kind: ExpertKind, expert: number): number {
    return this.pools[this.plan.bankOfLayer[layer]][kind].at(this.first[kind][layer] + expert)
  }

  require(layer: number, kind: ExpertKind, experts: Int32Array, count: number): void {
    const pool = this.pools[this.plan.bankOfLayer[layer]][kind]
    pool.require(this.first[kind][layer], experts, count, () => this.ring(layer, kind))
  }

  /** All experts with their pools and numbers there, in the order in which a token meets them. */
  get places(): ExpertPlace[] {
    const places: ExpertPlace[] = []
    for (let layer = 0; layer < this.config.layers; layer++) {
      for (const kind of EXPERT_KINDS) {
        const bank = this.plan.bankOfLayer[layer]
        const pool = this.pools[bank][kind]
        for (let e = 0; e < expertCount(this.config, layer, kind); e++) {
          const part = this.layout.part(partName(layer, kind, e))
          places.push({ mixture: mixtureOf(layer, kind), part, pool, bank, id: this.first[kind][layer] + e })
        }
      }
    }
    return places
  }

  /** Requests for experts that were held and that were not, bytes of weights read, since loading; and those held now. */
  stats(): { hits: number; misses: number; bytesRead: number; weightsBytes: number } {
    const pools = this.pools.flatMap(({ attention, mlp }) => [attention, mlp])
    const total = { hits: 0, misses: 0, bytesRead: this.denseBytes, weightsBytes: this.denseBytes }
    for (const pool of pools) {
      const held = pool.held * pool.bytes
      total.hits += pool.hits
      total.misses += pool.misses
      total.weightsBytes += held
      // Where there is room for all, an expert is read once, by whichever thread.
      total.bytesRead += pool.holdsAll ? held : pool.bytesRead
    }
    return total
  }

  private ring(layer: number, kind: ExpertKind): void {
    Atomics.store(this.bell, 1, mixtureOf(layer, kind))
    Atomics.add(this.bell, 0, 1)
    Atomics.notify(this.bell, 0)
  }

  private createPool(kind: ExpertKind, bank: number, { slots, bytes }: { slots: number; bytes: number }): ExpertPool {
    const parts: Part[] = []
    for (let layer = 0; layer < this.config.layers; layer++) {
      if (this.plan.bankOfLayer[layer] !== bank) continue
      this.first[kind][layer] = parts.length
      for (let e = 0; e < expertCount(this.config, layer, kind); e++)
        parts.push(this.layout.part(partName(layer, kind, e)))
    }
    const read = (id: number, target: Uint8Array) => this.readPart(parts[id], target)
    return new ExpertPool(this.banks[bank], bytes, slots, parts.length, read)
  }

  private placeDense(part: Part, fill: (target: Uint8Array) => void): void {
    const bank = this.banks[this.bankOf(part)]
    const address = bank.arena.allocate(part.bytes)
    fill(bank.u8.subarray(address, address + part.bytes))
    this.addresses.set(part.name, address)
    this.denseBytes += part.bytes
  }

  private bankOf({ name }: Part): number {
    const layer = /^layers\.(\d+)\./.exec(name)
    if (layer) return this.plan.bankOfLayer[Number(layer[1])]
    return name === 'embedding' ? 0 : this.banks.length - 1
  }

  private at(name: string): number {
    const address = this.addresses.get(name)
    if (address === undefined) throw new Error(`part ${name} is not in memory`)
    return address
  }
}

function mixtureOf(layer: number, kind: ExpertKind): number {
  return 2 * layer + EXPERT_KINDS.indexOf(kind)
}

function isExpert({ name }: Part): { layer: number; kind: ExpertKind; id: number } | undefined {
  const match = /^layers\.(\d+)\.(attention|mlp)\.(\d+)$/.exec(name)
  const kind = EXPERT_KINDS.find((kind) => kind === match?.[2])
  return match && kind ? { layer: Number(match[1]), kind, id: Number(match[3]) } : undefined
}
