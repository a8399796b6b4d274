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

/** The weights of a model in their banks: dense parts from the start, experts as they are routed to. */
export class WeightStore implements Weights {
  readonly banks: Bank[]
  readonly outputOffset: { attention: number; mlp: number }
  bytesRead = 0
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
      this.placeDense(part, (target) => this.readCounted(part, target))
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
    this.pools[this.plan.bankOfLayer[layer]][kind].require(this.first[kind][layer], experts, count)
  }

  /** Requests for experts that were held and that were not, since loading; bytes of weights held now. */
  stats(): { hits: number; misses: number; weightsBytes: number } {
    const pools = this.pools.flatMap(({ attention, mlp }) => [attention, mlp])
    return {
      hits: pools.reduce((sum, pool) => sum + pool.hits, 0),
      misses: pools.reduce((sum, pool) => sum + pool.misses, 0),
      weightsBytes: pools.reduce((sum, pool) => sum + pool.held * pool.bytes, this.denseBytes),
    }
  }

  private createPool(kind: ExpertKind, bank: number, { slots, bytes }: { slots: number; bytes: number }): ExpertPool {
    const parts: Part[] = []
    for (let layer = 0; layer < this.config.layers; layer++) {
      if (this.plan.bankOfLayer[layer] !== bank) continue
      this.first[kind][layer] = parts.length
      for (let e = 0; e < expertCount(this.config, layer, kind); e++)
        parts.push(this.layout.part(partName(layer, kind, e)))
    }
    const read = (id: number, target: Uint8Array) => this.readCounted(parts[id], target)
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

  private readCounted(part: Part, target: Uint8Array): void {
    this.bytesRead += part.bytes
    this.readPart(part, target)
  }

  private at(name: string): number {
    const address = this.addresses.get(name)
    if (address === undefined) throw new Error(`part ${name} is not in memory`)
    return address
  }
}

function isExpert({ name }: Part): { layer: number; kind: ExpertKind; id: number } | undefined {
  const match = /^layers\.(\d+)\.(attention|mlp)\.(\d+)$/.exec(name)
  const kind = EXPERT_KINDS.find((kind) => kind === match?.[2])
  return match && kind ? { layer: Number(match[1]), kind, id: Number(match[3]) } : undefined
}
