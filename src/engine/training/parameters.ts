import type { TrainedMixture } from '../../api/training.js'
import { AdamW, type AdamWStep } from '../../kernels/calls/training/adamw.js'
import type { Bank } from '../../kernels/memory/bank.js'
import { tileFloat, tileFloats } from '../../kernels/memory/tile-floats.js'
import type { MixtureKind } from '../../model/config/config.js'
import type { Layout } from '../../model/packing/format/layout.js'
import type { TrainedSet } from './layers/training-workspace.js'
import type { TrainedTensor } from './plan.js'

/** Arrays that exist for all trained numbers. */
export const ARRAYS = ['weights', 'gradients', 'firstMoments', 'secondMoments'] as const
export type ArrayName = (typeof ARRAYS)[number]

/** Place of a matrix in the arrays: its floats, in f32 tiles, begin at float `at`. */
interface ParameterPlace {
  tensor: TrainedTensor
  at: number
  /** First row in that matrix: the router rows of a mixture's experts share one. */
  row: number
}

/**
 * Weights, gradients and moments of the trained tensors in one bank: four arrays of floats in tiles. Experts' matrices
 * come first, then router rows, which do not decay.
 */
export class Parameters {
  readonly floats: number
  private readonly places: ParameterPlace[] = []
  private readonly arrays: Record<ArrayName, number>
  private readonly sets = new Map<string, TrainedSet>()
  private readonly optimisers: { adamw: AdamW; decays: boolean }[]

  constructor(
    private readonly bank: Bank,
    layout: Layout,
    mixtures: readonly TrainedMixture[],
    tensors: readonly TrainedTensor[],
  ) {
    let at = 0
    for (const tensor of tensors.filter(({ piece }) => piece !== 'router')) {
      this.places.push({ tensor, at, row: 0 })
      at += tileFloats(tensor.rows, tensor.cols)
    }
    const experts = at
    const routers = new Map<string, { mixture: TrainedMixture; at: number }>()
    for (const mixture of mixtures) {
      const rows = tensors.filter(({ piece, ...tensor }) => piece === 'router' && isOf(tensor, mixture))
      routers.set(nameOf(mixture), { mixture, at })
      for (const [row, tensor] of rows.entries()) this.places.push({ tensor, at, row })
      at += tileFloats(rows.length, rows[0].cols)
    }
    this.floats = at
    const allocate = () => bank.arena.allocate(at * 4)
    this.arrays = { weights: allocate(), gradients: allocate(), firstMoments: allocate(), secondMoments: allocate() }
    for (const [name, { mixture, at }] of routers) this.sets.set(name, this.createSet(mixture, at, layout))
    this.optimisers = [
      { adamw: this.optimiser(0, experts), decays: true },
      { adamw: this.optimiser(experts, at), decays: false },
    ]
  }

  /** The trained experts of a layer and kind, if any. */
  setOf(layer: number, kind: MixtureKind): TrainedSet | undefined {
    return this.sets.get(nameOf({ layer, kind }))
  }

  clear(array: ArrayName): void {
    const first = this.arrays[array] / 4
    this.bank.f32.fill(0, first, first + this.floats)
  }

  squares(): number {
    return this.optimisers.reduce((sum, { adamw }) => sum + adamw.squares(), 0)
  }

  /** Takes a step of AdamW, with a factor of the learning rate for router rows. */
  update(step: AdamWStep, routerRate: number): void {
    const ofRouters = { ...step, learningRate: step.learningRate * routerRate, weightDecay: 0 }
    for (const { adamw, decays } of this.optimisers) adamw.update(decays ? step : ofRouters)
  }

  /** Copies an array into `target`, in the order of the plan's tensors. */
  read(array: ArrayName, target: Float32Array): void {
    const { f32 } = this.bank
    this.each(array, (mine, theirs) => {
      target[theirs] = f32[mine]
    })
  }

  /** Copies an array from `source`, in the order of the plan's tensors. */
  write(array: ArrayName, source: Float32Array): void {
    const { f32 } = this.bank
    this.each(array, (mine, theirs) => {
      f32[mine] = source[theirs]
    })
  }

  private each(array: ArrayName, copy: (mine: number, theirs: number) => void): void {
    for (const { tensor, at, row } of this.places) {
      const { rows, cols, offset } = tensor
      const address = this.arrays[array] + at * 4
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++) copy(tileFloat(address, cols, row + r, c), offset + r * cols + c)
      }
    }
  }

  private optimiser(from: number, to: number): AdamW {
    const [weights, gradients, firstMoments, secondMoments] = ARRAYS.map((name) => this.arrays[name] + from * 4)
    return new AdamW(this.bank, { count: to - from, weights, gradients, firstMoments, secondMoments })
  }

  private createSet(mixture: TrainedMixture, router: number, layout: Layout): TrainedSet {
    const { newExperts = 0 } = mixture
    const mine = this.places.filter(({ tensor }) => isOf(tensor, mixture))
    const ids = [...new Set(mine.map(({ tensor }) => tensor.expert))]
    const pieces = layout.experts(mixture.layer, mixture.kind)[0].pieces.map(({ name }) => name)
    const places = ids.map((id) =>
      pieces.map((name) => mine.find(({ tensor }) => tensor.expert === id && tensor.piece === name)?.at ?? 0),
    )
    const { weights, gradients } = this.arrays
    return {
      ids,
      newExperts,
      weights: (index, piece) => weights + places[index][pieces.indexOf(piece)] * 4,
      gradients: (index, piece) => gradients + places[index][pieces.indexOf(piece)] * 4,
      router: { weights: weights + router * 4, gradients: gradients + router * 4 },
    }
  }
}

function nameOf({ layer, kind }: Pick<TrainedMixture, 'layer' | 'kind'>): string {
  return `${layer} ${kind}`
}

function isOf(tensor: { layer: number; kind: MixtureKind }, { layer, kind }: TrainedMixture): boolean {
  return tensor.layer === layer && tensor.kind === kind
}
