import { Job } from '../../abi/control.js'
import { Activation } from '../../abi/formats.js'
import { GateBackwardArg } from '../../abi/training.js'
import type { Bank } from '../../memory/bank.js'
import { type ActivationName, roundUp } from '../../memory/formats.js'
import type { Rows } from '../../memory/rows.js'
import { Call } from '../call.js'
import { rowsPerChunk } from '../chunks.js'

export interface GateBackwardShape {
  /** Rows before the activation; replaced by gate times activated rows. */
  z: Rows
  /** Gradients of the gated rows, laid out as z; replaced by the gradients of z. */
  u: Rows
  /** One that models in training have. Default: identity. */
  activation?: Exclude<ActivationName, 'relu2'>
  /** Address of a gate for each row. Default: 1 for all. */
  gates?: number
  /** Address for the gradient of each gate. */
  gateGradients?: number
}

export class GateBackward extends Call<typeof GateBackwardArg> {
  constructor(
    bank: Bank,
    private readonly shape: GateBackwardShape,
    private readonly threads: number,
  ) {
    super(bank, Job.gateBackward, GateBackwardArg)
    const { z, activation = 'identity' } = shape
    this.bind({ stride: z.strideBytes, columns: roundUp(z.columns, 4), activation: Activation[activation] })
  }

  run(items: number, first = 0): void {
    const { z, u, gates, gateGradients } = this.shape
    const chunkItems = rowsPerChunk(items, this.threads, 8)
    this.set(GateBackwardArg.z, z.address + first * z.strideBytes)
    this.set(GateBackwardArg.u, u.address + first * u.strideBytes)
    this.set(GateBackwardArg.gates, gates ? gates + first * 4 : 0)
    this.set(GateBackwardArg.gateGradients, gateGradients ? gateGradients + first * 4 : 0)
    this.set(GateBackwardArg.items, items)
    this.set(GateBackwardArg.chunkItems, chunkItems)
    this.start(Math.ceil(items / chunkItems))
  }
}
