import { Norm } from '../../../kernels/calls/norm.js'
import { NormBackward } from '../../../kernels/calls/training/norm-backward.js'
import type { ModuleFormerConfig } from '../../../model/families/moduleformer/moduleformer-config.js'
import type { MixtureTraining } from '../layers/mixture-training.js'
import { PreNormTraining } from '../layers/pre-norm-training.js'
import type { TrainingBlocks, TrainingWorkspace } from '../layers/training-workspace.js'
import { AttentionTraining } from './moduleformer-attention.js'
import { MlpTraining } from './moduleformer-mlp.js'

/**
 * Binds ModuleFormer's blocks for training. The forward pass is as in model/families/moduleformer/moduleformer.ts. It keeps two
 * states of the residual stream for each block, and the backward pass computes the rest again. Activations that a q8 or
 * q4 product quantises count as exact in the backward pass (straight-through).
 */
export function moduleFormerTraining(config: ModuleFormerConfig, workspace: TrainingWorkspace): TrainingBlocks {
  const { bank, threads, x, a, dx, da, lowest, store } = workspace
  const most = Math.max(...config.mixtures.map(({ topK }) => topK))
  const y = workspace.rows(most, config.width) //    [T, k, d]
  const scratch = workspace.rows(1, config.width) // [T, d]
  const attention = new AttentionTraining(config, workspace, y)
  const mlp = new MlpTraining(config, workspace, y)
  const norm1 = new PreNormTraining(workspace, 'ln_1', scratch)
  const norm2 = new PreNormTraining(workspace, 'ln_2', scratch)
  const add = ({ k, router: { gates } }: MixtureTraining) =>
    new Norm(bank, { x, add: { y, perToken: k, gates }, output: a }, threads)
  const addAttention = add(attention.mixture)
  const addMlp = add(mlp.mixture)
  const finalNorm = new Norm(bank, { x, output: a }, threads)
  const finalNormBackward = new NormBackward(bank, { x, gradient: da, scratch, output: dx }, threads)
  const [lastWeight, lastBias] = ['weight', 'bias'].map((name) => store.address('final', `ln_f.${name}`))

  return {
    forward(l, T, keeps) {
      if (keeps) norm1.keep(l, T)
      norm1.forward(l, T) //               a [T, d] = LN1(x)
      attention.forward(l, T) //           gates [T, k], y [T, k, d]
      norm2.runIn(addAttention, l, T) //   x += gates . y;  a = LN2(x)
      if (keeps) norm2.keep(l, T)
      mlp.forward(l, T) //                 gates [T, k], y [T, k, d]
      addMlp.run(T) //                     x += gates . y
    },
    finalNorm: (T) => finalNorm.run(T, lastWeight, lastBias), //        a [T, d] = LNf(x)
    finalNormBackward: (T) => finalNormBackward.run(T, lastWeight), //  dx += LNf back of da
    backward(l, T) {
      const isLowest = l === lowest
      const reachesAttention = !isLowest || attention.mixture.setOf(l) !== undefined
      norm2.recompute(l, T) //             a = LN2(x)
      mlp.backward(l, T, reachesAttention)
      if (!reachesAttention) return
      norm2.backward(l, T) //              dx += LN2 back of da
      norm1.recompute(l, T) //             a = LN1(x)
      attention.backward(l, T, !isLowest)
      if (!isLowest) norm1.backward(l, T) // dx += LN1 back of da
    },
  }
}
