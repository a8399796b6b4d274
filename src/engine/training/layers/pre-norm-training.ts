import { Norm } from '../../../kernels/calls/norm.js'
import { NormBackward } from '../../../kernels/calls/training/norm-backward.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { TrainingWorkspace } from './training-workspace.js'

/**
 * The LayerNorm before a sublayer of every block, a = LN(x), forward and backward: pieces `NAME.weight` and
 * `NAME.bias`. It keeps x for the backward pass.
 */
export class PreNormTraining {
  private readonly norm: Norm
  private readonly kept: (KeptState | undefined)[]
  private readonly weights: { weight: number; bias: number }[]

  /** `scratch` [T, d] may be overwritten. */
  constructor(
    private readonly workspace: TrainingWorkspace,
    name: string,
    scratch: Rows,
  ) {
    const { bank, threads, x, a, dx, da, lowest } = workspace
    this.norm = new Norm(bank, { x, output: a }, threads)
    this.kept = workspace.perLayer((layer) => {
      if (layer < lowest) return undefined
      const state = workspace.rows(1, x.columns)
      const shape = { x: state, gradient: da, scratch, output: dx }
      return {
        state,
        norm: new Norm(bank, { x: state, output: a }, threads),
        back: new NormBackward(bank, shape, threads),
      }
    })
    this.weights = workspace.perLayer((layer) => ({
      weight: workspace.at(layer, `${name}.weight`),
      bias: workspace.at(layer, `${name}.bias`),
    }))
  }

  /** a = LN(x) */
  forward(layer: number, tokens: number): void {
    this.runIn(this.norm, layer, tokens)
  }

  /** Runs a norm that first adds to x, with the weights of this one: x += y;  a = LN(x) */
  runIn(norm: Norm, layer: number, tokens: number): void {
    const { weight, bias } = this.weights[layer]
    norm.run(tokens, weight, bias)
  }

  /** Keeps x for the backward pass. */
  keep(layer: number, tokens: number): void {
    const { bank, x } = this.workspace
    const state = this.kept[layer]?.state
    if (state) bank.kernels.copyRows(x.address, x.strideBytes, state.address, state.strideBytes, x.strideBytes, tokens)
  }

  /** Computes a again from the kept x. */
  recompute(layer: number, tokens: number): void {
    this.runIn(this.keptOf(layer).norm, layer, tokens)
  }

  /** Adds the gradients of x to dx, from the gradients of a in da, which it overwrites. */
  backward(layer: number, tokens: number): void {
    this.keptOf(layer).back.run(tokens, this.weights[layer].weight)
  }

  private keptOf(layer: number): KeptState {
    const kept = this.kept[layer]
    if (!kept) throw new RangeError(`layer ${layer} is below the lowest trained one`)
    return kept
  }
}

/** The kept x [T, d] of a block, and its operations. */
interface KeptState {
  state: Rows
  norm: Norm
  back: NormBackward
}
