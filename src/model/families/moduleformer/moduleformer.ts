import { Norm } from '../../../kernels/calls/norm.js'
import { type Mixture, type MixtureKind, routerRows } from '../../config/config.js'
import { AttentionMixture } from '../../layers/attention-mixture.js'
import { ExpertMixture } from '../../layers/expert-mixture.js'
import { StickBreakingAttention } from '../../layers/mixers/stick-breaking-attention.js'
import { CosineLogits, LinearLogits, MlpLogits, type RouterLogits } from '../../layers/router-logits.js'
import type { Workspace } from '../../layers/workspace.js'
import type { PartFormats } from '../../packing/format/formats.js'
import { matrix, type PlannedPiece, part, table, transposedExpert, vector, whole } from '../../packing/format/pieces.js'
import type { Architecture } from '../shared/architecture.js'
import { densePart, expertParts } from '../shared/decoder-parts.js'
import { describeModuleFormer, type ModuleFormerConfig, moduleFormerConfig } from './moduleformer-config.js'

export type { ModuleFormerConfig } from './moduleformer-config.js'

const SHAPE_KEYS = ['n_layer', 'n_embd', 'n_head', 'att_hidden', 'ffd_hidden', 'activation_function', 'gate_type']

/** IBM's ModuleFormer (MoLM): a mixture of attention experts and a mixture of MLP experts in every block. */
export const moduleformer: Architecture<ModuleFormerConfig> = {
  title: 'ModuleFormer',
  modelTypes: ['moduleformer'],
  className: 'ModuleFormer',

  /** Checkpoints omit keys whose values are the default. */
  defaults: {
    vocab_size: 50295,
    n_embd: 1024,
    n_layer: 24,
    n_head: 8,
    att_hidden: 512,
    ffd_hidden: 2048,
    activation_function: 'gelu_new',
    gate_type: 'mlp',
    gating_size: 256,
    n_att_experts: 32,
    k_att: 2,
    n_mlp_experts: 32,
    k_mlp: 2,
    tie_word_embeddings: false,
    bos_token_id: 50256,
    eos_token_id: 50256,
    block_size: 512,
    history_length: 512,
  },
  aliases: { hidden_size: 'n_embd', num_hidden_layers: 'n_layer', num_attention_heads: 'n_head' },

  parseConfig: moduleFormerConfig,
  describe: describeModuleFormer,
  shapeKeys: ({ gateType }) => [...SHAPE_KEYS, ...(gateType === 'linear' ? [] : ['gating_size'])],

  *parts(config, formats) {
    const { vocabSize: V, width: d } = config
    yield part('embedding', [table('table', formats.embedding, whole('transformer.wte.weight', [V, d]))])
    for (let layer = 0; layer < config.layers; layer++) {
      yield densePart(layer, densePieces(config, formats, layer))
      for (const mixture of config.mixtures) {
        yield* expertParts(layer, mixture, (id, E) => expertPieces(config, formats, layer, mixture.kind, id, E))
      }
    }
    yield part('final', norm('ln_f', 'transformer.ln_f', d))
    yield part(config.architecture === 'classifier' ? 'score' : 'lm_head', [
      matrix('weight', formats.head, headWeights(config)),
    ])
  },

  toleratesUnknownTensors: true,
  /** Buffers of the original code that nothing reads at inference, and the head that a tied model does not use. */
  ignores(tensor, { tieWordEmbeddings }) {
    const isBuffer = /^transformer\.h\.\d+\.attn\.(mask|cum_weight|causal_mask)$/.test(tensor)
    return isBuffer || (tieWordEmbeddings && tensor === 'lm_head.weight')
  },

  cache: ({ attentionHidden: channels, heads, sharedKeyValue: shared }) => ({ rows: { channels, heads, shared } }),

  build(config, workspace) {
    const { bank, threads, formats, x, a } = workspace
    const { attentionHidden: channels, ffnHidden: F, heads, sharedKeyValue, width: d, activation } = config
    const [attentionMixture, mlpMixture] = config.mixtures
    const y = workspace.rows(Math.max(attentionMixture.topK, mlpMixture.topK), d) // [T, k, d]

    const attention = new AttentionMixture(workspace, attentionMixture, logitsOf(config, workspace, attentionMixture), {
      channels,
      output: y,
      projectsKeyValue: !sharedKeyValue,
      bias: true,
    })
    const { q, o, mostK, keys, values } = attention
    const attend = new StickBreakingAttention(workspace, q, o, mostK, heads)

    const mlp = new ExpertMixture(workspace, mlpMixture, logitsOf(config, workspace, mlpMixture))
    const h = workspace.rows(mlp.mostSlots, F, { records: formats.mlp !== 'f32' }) //       [T, k, F]
    const inputs = mlp.product('input', { format: formats.mlp, input: a, output: h, activation })
    const outputs = mlp.product('output', { format: formats.mlp, input: h, output: y })

    const norm = new Norm(bank, { x, output: a }, threads)
    const addAttention = new Norm(bank, { x, add: { y, gates: attention.gates }, output: a }, threads)
    const addMlp = new Norm(bank, { x, add: { y, gates: mlp.gates }, output: a }, threads)
    const norm1 = workspace.addresses({ weight: 'ln_1.weight', bias: 'ln_1.bias' })
    const norm2 = workspace.addresses({ weight: 'ln_2.weight', bias: 'ln_2.bias' })
    const [lastWeight, lastBias] = ['weight', 'bias'].map((name) => workspace.store.address('final', `ln_f.${name}`))

    return {
      block(l, T, cache) {
        norm.run(T, norm1[l].weight, norm1[l].bias) //         a [T, d] = LN1(x)
        attention.route(l, T) //                               ids, gates [T, k]
        attention.project(l, T) //                             q [T, k, A] = a Wq[e];  K, V [T, A]
        cache.append(l, keys, values) //                       cache += K, V
        attend.run(T, cache, attention.k(l)) //                o [T, k, A] = stick-broken sums of V
        attention.projectOutput(l) //                          y [T, k, d] = o Wo[e]
        addAttention.perToken(attention.k(l))
        addAttention.run(T, norm2[l].weight, norm2[l].bias) // x += gates . y;  a = LN2(x)
        mlp.route(l, T) //                                     ids, gates [T, k]
        mlp.fromTokens(l, inputs) //                           h [T, k, F] = act(a W1[e])
        mlp.fromItems(l, outputs) //                           y [T, k, d] = h W2[e]
        addMlp.perToken(mlp.k(l)).run(T) //                    x += gates . y
      },
      finalNorm: (T) => norm.run(T, lastWeight, lastBias), // a [T, d] = LNf(x)
      finalDivisor: (row) => norm.divisorOf(row),
    }
  },
}

function logitsOf(config: ModuleFormerConfig, workspace: Workspace, mixture: Mixture): RouterLogits {
  const { gateType, gatingSize } = config
  if (gateType === 'linear') return new LinearLogits(workspace, mixture)
  return new (gateType === 'mlp' ? MlpLogits : CosineLogits)(workspace, mixture, gatingSize)
}

/** Pieces that every token of a layer needs: norms, routers, keys and values. */
function densePieces(config: ModuleFormerConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const block = `transformer.h.${layer}`
  const { width: d, attentionHidden: A } = config
  const [attention, mlp] = config.mixtures
  const keyValue = config.sharedKeyValue
    ? []
    : [
        matrix('key.weight', formats.attention, whole(`${block}.attn.k_proj.weight`, [A, d])),
        vector('key.bias', whole(`${block}.attn.k_proj.bias`, [A])),
        matrix('value.weight', formats.attention, whole(`${block}.attn.v_proj.weight`, [A, d])),
        vector('value.bias', whole(`${block}.attn.v_proj.bias`, [A])),
      ]
  return [
    ...norm('ln_1', `${block}.ln_1`, d),
    ...routerPieces(config, formats, layer, attention, `${block}.attn.q_proj.gate`),
    ...keyValue,
    ...norm('ln_2', `${block}.ln_2`, d),
    ...routerPieces(config, formats, layer, mlp, `${block}.mlpf.gate`),
  ]
}

/** Pieces of an expert: its two matrices, from tensors that hold all experts of a layer. */
function expertPieces(
  config: ModuleFormerConfig,
  formats: PartFormats,
  layer: number,
  kind: MixtureKind,
  id: number,
  E: number,
): PlannedPiece[] {
  const { width: d, attentionHidden: A, ffnHidden: F } = config
  const [first, inner, prefix] = kind === 'attention' ? ['query', A, 'attn.q_proj'] : ['input', F, 'mlpf']
  const tensors = `transformer.h.${layer}.${prefix}`
  return [
    matrix(first, formats[kind], transposedExpert(`${tensors}.experts.weight`, [E, d, inner], id)),
    matrix('output', formats[kind], transposedExpert(`${tensors}.output_experts.weight`, [E, inner, d], id)),
  ]
}

/** Pieces of a router. Its last matrix is always f32: it is small, and a wrong expert costs more than a bit. */
function routerPieces(
  config: ModuleFormerConfig,
  formats: PartFormats,
  layer: number,
  mixture: Mixture,
  gate: string,
): PlannedPiece[] {
  const { width: d, gatingSize: G } = config
  const name = `${mixture.kind}.router`
  const E = routerRows(mixture, layer)
  // No checkpoint has such a bias; a packed model can be given one.
  const bias = config.gateBias ? [vector(`${name}.bias`, whole(`${gate}.bias`, [E]))] : []
  switch (config.gateType) {
    case 'mlp':
      return [
        matrix(`${name}.hidden.weight`, formats.router, whole(`${gate}.w_gate.0.weight`, [G, d])),
        vector(`${name}.hidden.bias`, whole(`${gate}.w_gate.0.bias`, [G])),
        matrix(`${name}.logits.weight`, 'f32', whole(`${gate}.w_gate.3.weight`, [E, G])),
        ...bias,
      ]
    case 'linear':
      return [matrix(`${name}.logits.weight`, 'f32', whole(`${gate}.w_gate.0.weight`, [E, d])), ...bias]
    case 'gmm':
      return [
        matrix(`${name}.projection.weight`, formats.router, whole(`${gate}.w_gate.weight`, [G, d])),
        matrix(`${name}.centroids`, 'f32', whole(`${gate}.expert_centroids`, [E, G])),
        vector(`${name}.temperature`, whole(`${gate}.temperature`, [1])),
        ...bias,
      ]
  }
}

function norm(name: string, key: string, d: number): PlannedPiece[] {
  return [vector(`${name}.weight`, whole(`${key}.weight`, [d])), vector(`${name}.bias`, whole(`${key}.bias`, [d]))]
}

function headWeights({ architecture, labels = [], width: d, vocabSize: V, tieWordEmbeddings }: ModuleFormerConfig) {
  if (architecture === 'classifier') return whole('score.weight', [labels.length, d])
  return whole(tieWordEmbeddings ? 'transformer.wte.weight' : 'lm_head.weight', [V, d])
}
