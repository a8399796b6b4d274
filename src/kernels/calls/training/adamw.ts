import { Job } from '../../abi/control.js'
import { AdamWArg, AdamWPhase } from '../../abi/training.js'
import type { Bank } from '../../memory/bank.js'
import { Call } from '../call.js'

/** Floats of a chunk. Their number does not depend on the number of threads, and so neither do the sums. */
const CHUNK = 16384

export interface AdamWStep {
  step: number
  learningRate: number
  beta1: number
  beta2: number
  epsilon: number
  weightDecay: number
  gradientScale: number
}

/** Addresses of four arrays of `count` floats, a multiple of 4. */
export interface AdamWArrays {
  count: number
  weights: number
  gradients: number
  firstMoments: number
  secondMoments: number
}

export class AdamW extends Call<typeof AdamWArg> {
  private readonly sums: number

  constructor(
    bank: Bank,
    private readonly arrays: AdamWArrays,
  ) {
    super(bank, Job.adamw, AdamWArg)
    this.sums = bank.arena.allocate(this.chunks * 8)
    this.bind({
      count: arrays.count,
      chunkCount: CHUNK,
      weights: arrays.weights,
      gradients: arrays.gradients,
      firstMoments: arrays.firstMoments,
      secondMoments: arrays.secondMoments,
      sums: this.sums,
    })
  }

  squares(): number {
    this.set(AdamWArg.phase, AdamWPhase.squares)
    this.start(this.chunks)
    let sum = 0
    for (let i = 0; i < this.chunks; i++) sum += this.bank.f64[this.sums / 8 + i]
    return sum
  }

  update({ step, learningRate, beta1, beta2, epsilon, weightDecay, gradientScale }: AdamWStep): void {
    this.set(AdamWArg.phase, AdamWPhase.update)
    this.setFloat(AdamWArg.gradientScale, gradientScale)
    this.setFloat(AdamWArg.beta1, beta1)
    this.setFloat(AdamWArg.beta2, beta2)
    this.setFloat(AdamWArg.rate, learningRate / (1 - beta1 ** step))
    this.setFloat(AdamWArg.secondScale, 1 / (1 - beta2 ** step))
    this.setFloat(AdamWArg.epsilon, epsilon)
    this.setFloat(AdamWArg.keep, 1 - learningRate * weightDecay)
    this.start(this.chunks)
  }

  private get chunks(): number {
    return Math.ceil(this.arrays.count / CHUNK)
  }
}
