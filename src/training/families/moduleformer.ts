import type { ModuleFormerConfig } from '../../architectures/moduleformer-config.js'
import type { Mixture } from '../../model/config.js'
import { Linear } from '../../nn/linear.js'
import { ENOUGH } from '../../nn/stick-breaking-attention.js'
import { GateBackward } from '../../runtime/kernels/gate-backward.js'
import { Norm } from '../../runtime/kernels/norm.js'
import { NormBackward } from '../../runtime/kernels/norm-backward.js'
import { StickTraining } from '../../runtime/kernels/stick-training.js'
import { MixtureTraining } from '../layers/mixture-training.js'
import { TrainedCosineLogits } from '../layers/trained-cosine-logits.js'
import { TrainedLinearLogits, TrainedMlpLogits } from '../layers/trained-logits.js'
import type { TrainingBlocks } from '../layers/training-blocks.js'
import type { TrainingWorkspace } from '../layers/training-workspace.js'
import { TransposedLinear } from '../layers/transposed-linear.js'

/**
 * ModuleFormer's blocks in training. The way forward is that of moduleformer.ts; of each block the two states of the residual
 * stream are kept, from which the way back makes the rest anew. Activations that a product in q8 or q4 quantises count as
 * exact on the way back (straight-through), and keys and values are floats in every packing.
 */
export function moduleFormerTraining(config: ModuleFormerConfig, workspace: TrainingWorkspace): TrainingBlocks {
  const { bank, threads, formats, x, a, dx, da, lowest, maxSequence, store } = workspace
  const { attentionHidden: A, ffnHidden: F, heads, sharedKeyValue, width: d, activation } = config
  const [attention, mlp] = config.mixtures.map((mixture) => mixtureOf(config, workspace, mixture))
  const { k } = attention

  const records = { attention: formats.attention !== 'f32', mlp: formats.mlp !== 'f32' }
  const q = workspace.rows(k, A) //                                        [T, k, A]
  const o = workspace.rows(k, A, { records: records.attention }) //        [T, k, A]
  const dO = workspace.rows(k, A) //                                       [T, k, A]
  const dQ = workspace.rows(k, A) //                                       [T, k, A]
  const keys = sharedKeyValue ? a : workspace.rows(1, A) //                [T, A]
  const values = sharedKeyValue ? a : workspace.rows(1, A) //              [T, A]
  const dKeys = workspace.rows(1, A) //                                    [T, A]
  const dValues = sharedKeyValue ? dKeys : workspace.rows(1, A) //         [T, A]
  const h = workspace.rows(mlp.k, F, { records: records.mlp }) //          [T, k, F]
  const dH = workspace.rows(mlp.k, F) //                                   [T, k, F]
  const y = workspace.rows(Math.max(k, mlp.k), d) //                       [T, k, d]
  const scratch = workspace.rows(1, d) //                                  [T, d]
  const states = workspace.states(2) // of each block: x before attention, x before the MLP

  const norm = new Norm(bank, { x, output: a }, threads)
  const normOf = states.map((rows) => rows.map((state) => new Norm(bank, { x: state, output: a }, threads)))
  const backOf = states.map((rows) => rows.map((state) => normBackward(state)))
  const add = (gates: number, perToken: number) =>
    new Norm(bank, { x, add: { y, perToken, gates }, output: a }, threads)
  const addAttention = add(attention.router.gates, k)
  const addMlp = add(mlp.router.gates, mlp.k)
  const sum = (perToken: number, rows = y) => new Norm(bank, { x: da, add: { y: rows, perToken }, output: a }, threads)
  const sumQueries = sum(k)
  const sumInputs = sum(mlp.k)
  const sumKeys = sum(1, dKeys)

  const queries = attention.product('query', 'tokens', { format: formats.attention, input: a, output: q })
  const attentionOutputs = attention.product('output', 'items', { format: formats.attention, input: o, output: y })
  const inputs = mlp.product('input', 'tokens', { format: formats.mlp, input: a, output: h, activation })
  const outputs = mlp.product('output', 'items', { format: formats.mlp, input: h, output: y })
  const stick = new StickTraining(
    bank,
    { q, o, dOutputs: dO, dq: dQ, keys, values, dKeys, dValues, heads, k, enough: ENOUGH, maxSequence },
    threads,
  )

  const preActivations = mlp.product('input', 'tokens', { format: formats.mlp, input: a, output: h })
  const backOutputs = mlp.transposed('output', 'tokens', { format: formats.mlp, input: dx, output: dH })
  const backGates = new GateBackward(bank, { z: h, u: dH, activation, ...gatesOf(mlp) }, threads)
  const backInputs = mlp.transposed('input', 'items', { format: formats.mlp, input: dH, output: y })
  const outputGradients = mlp.gradients('output', { rows: dx, by: 'input' }, { rows: h, by: 'output' })
  const inputGradients = mlp.gradients('input', { rows: dH, by: 'output' }, { rows: a, by: 'input' })

  const attentionFormat = formats.attention
  const backAttentionOutputs = attention.transposed('output', 'tokens', {
    format: attentionFormat,
    input: dx,
    output: dO,
  })
  const backAttentionGates = new GateBackward(bank, { z: o, u: dO, ...gatesOf(attention) }, threads)
  const backQueries = attention.transposed('query', 'items', { format: attentionFormat, input: dQ, output: y })
  const attentionOutputGradients = attention.gradients('output', { rows: dx, by: 'input' }, { rows: o, by: 'output' })
  const queryGradients = attention.gradients('query', { rows: dQ, by: 'output' }, { rows: a, by: 'input' })

  const projections = sharedKeyValue
    ? []
    : [
        { name: 'key', rows: keys, gradients: dKeys },
        { name: 'value', rows: values, gradients: dValues },
      ].map(({ name, rows, gradients }) => ({
        weight: workspace.perLayer((layer) => workspace.at(layer, `${name}.weight`)),
        bias: workspace.perLayer((layer) => workspace.at(layer, `${name}.bias`)),
        forward: new Linear(workspace, { format: attentionFormat, input: a, output: rows }),
        back: new TransposedLinear(workspace, { format: attentionFormat, input: gradients, output: da, adds: true }),
      }))

  const pair = (layer: number, name: string) => ({
    weight: workspace.at(layer, `${name}.weight`),
    bias: workspace.at(layer, `${name}.bias`),
  })
  const norm1 = workspace.perLayer((layer) => pair(layer, 'ln_1'))
  const norm2 = workspace.perLayer((layer) => pair(layer, 'ln_2'))
  const [lastWeight, lastBias] = ['weight', 'bias'].map((name) => store.address('final', `ln_f.${name}`))
  const backFinal = normBackward(x)

  function normBackward(state: typeof x): NormBackward {
    return new NormBackward(bank, { x: state, gradient: da, scratch, output: dx }, threads)
  }

  function project(l: number, T: number): void {
    queries.run(l) //                                                 q [T, k, A] = a Wq[e]
    for (const { forward, weight, bias } of projections) forward.run(T, weight[l], bias[l]) // K, V [T, A]
  }

  function mlpBackward(l: number, T: number, needsInput: boolean): void {
    normOf[l][1].run(T, norm2[l].weight, norm2[l].bias) //            a = LN2(x)
    mlp.reroute(l, T)
    preActivations.run(l) //                                          z [T, k, F] = a W1[e]
    backOutputs.run(l) //                                             u = W2[e]^T dx
    backGates.run(T * mlp.k) //                                       dp = u . h;  dz = p u act'(z);  h = p act(z)
    outputGradients.run(l) //                                         dW2 += dx h^T
    inputGradients.run(l) //                                          dW1 += dz a^T
    mlp.routerBackward(l, T, needsInput) //                           da = back through the router;  its rows
    if (!needsInput) return
    backInputs.run(l) //                                              y [T, k, d] = W1[e]^T dz
    sumInputs.run(T) //                                               da += sum of y
    backOf[l][1].run(T, norm2[l].weight) //                           dx += LN2 back of da
  }

  function attentionBackward(l: number, T: number, needsInput: boolean): void {
    normOf[l][0].run(T, norm1[l].weight, norm1[l].bias) //            a = LN1(x)
    attention.reroute(l, T)
    project(l, T) //                                                  q [T, k, A];  K, V [T, A]
    backAttentionOutputs.run(l) //                                    u = Wo[e]^T dx
    for (const { first, tokens } of workspace.sequences) {
      stick.forward(first, tokens) //                                 o [T, k, A]
      backAttentionGates.run(tokens * k, first * k) //                dp = u . o;  do = p u;  o = p o
      stick.backward(first, tokens) //                                dq, dK, dV
    }
    attentionOutputGradients.run(l) //                                dWo += dx o^T
    queryGradients.run(l) //                                          dWq += dq a^T
    attention.routerBackward(l, T, needsInput) //                     da = back through the router;  its rows
    if (!needsInput) return
    backQueries.run(l) //                                             y [T, k, d] = Wq[e]^T dq
    sumQueries.run(T) //                                              da += sum of y
    if (sharedKeyValue) sumKeys.run(T) //                             da += dK + dV
    for (const { back, weight } of projections) back.run(T, weight[l]) // da += Wk^T dK + Wv^T dV
    backOf[l][0].run(T, norm1[l].weight) //                           dx += LN1 back of da
  }

  return {
    forward(l, T, keeps) {
      if (keeps) workspace.keep(states[l][0], T)
      norm.run(T, norm1[l].weight, norm1[l].bias) //                  a [T, d] = LN1(x)
      attention.route(l, T) //                                        ids, gates [T, k]
      project(l, T) //                                                q [T, k, A];  K, V [T, A]
      for (const { first, tokens } of workspace.sequences) stick.forward(first, tokens) // o [T, k, A]
      attentionOutputs.run(l) //                                      y [T, k, d] = o Wo[e]
      addAttention.run(T, norm2[l].weight, norm2[l].bias) //          x += gates . y;  a = LN2(x)
      if (keeps) workspace.keep(states[l][1], T)
      mlp.route(l, T) //                                              ids, gates [T, k]
      inputs.run(l) //                                                h [T, k, F] = act(a W1[e])
      outputs.run(l) //                                               y [T, k, d] = h W2[e]
      addMlp.run(T) //                                                x += gates . y
    },
    finalNorm: (T) => norm.run(T, lastWeight, lastBias),
    finalNormBackward: (T) => backFinal.run(T, lastWeight),
    backward(l, T) {
      const trainsAttention = attention.setOf(l) !== undefined
      const isLowest = l === lowest
      mlpBackward(l, T, !isLowest || trainsAttention)
      if (!isLowest || trainsAttention) attentionBackward(l, T, !isLowest)
    },
  }
}

function gatesOf({ router: { gates, gateGradients } }: MixtureTraining) {
  return { gates, gateGradients }
}

/** A mixture with its router. */
function mixtureOf(config: ModuleFormerConfig, workspace: TrainingWorkspace, mixture: Mixture): MixtureTraining {
  const { gateType, gatingSize } = config
  const trained = mixture.experts.map((_, layer) => workspace.trained(layer, mixture.kind)?.ids.length ?? 0)
  const most = Math.max(...trained)
  const logits =
    gateType === 'linear'
      ? new TrainedLinearLogits(workspace, mixture, most)
      : new (gateType === 'mlp' ? TrainedMlpLogits : TrainedCosineLogits)(workspace, mixture, most, gatingSize)
  return new MixtureTraining(workspace, mixture, logits)
}
