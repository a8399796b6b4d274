import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { architectureOf, parseConfig } from '#molm/model/families/index.js'
import type { EmoConfig } from '#molm/model/families/olmo/emo.js'
import { inOneRow, isNear } from '../../support/compare.js'
import { forwardHere } from '../../support/forward-here.js'
import { integers } from '../../support/random.js'
import { type Chosen, emoForward } from '../../support/reference-families.js'
import { softmax } from '../../support/reference-layers.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { writeRandomCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { GATES, LOGITS } from '../../support/tolerances.js'

const SMALL = {
  ...{ model_type: 'emo', vocab_size: 97, hidden_size: 40, intermediate_size: 20, num_hidden_layers: 3 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, num_experts: 9, num_experts_per_tok: 4 },
  ...{ max_position_embeddings: 256 },
}

/** Experts that every token uses in a layer: ids listed in config.json, and the number of shared ones, the last. */
interface EmoLayer {
  listed: readonly number[]
  shared: number
}

const ROUTED: EmoLayer = { listed: [], shared: 0 }
const shared = (count: number): EmoLayer => ({ ...ROUTED, shared: count })
const listed = (...ids: number[]): EmoLayer => ({ ...ROUTED, listed: ids })

interface Case {
  keys: Record<string, unknown>
  layers: EmoLayer[]
  isNormalised?: boolean
}

const CASES: Record<string, Case> = {
  'routed experts alone': { keys: {}, layers: [ROUTED, ROUTED, ROUTED] },
  'routed experts whose gates sum to 1': {
    ...{ keys: { norm_topk_prob: true }, layers: [ROUTED, ROUTED, ROUTED], isNormalised: true },
  },
  'one shared expert': { keys: { num_shared_experts: 1 }, layers: [shared(1), shared(1), shared(1)] },
  'several shared experts, heads of another size and biases': {
    keys: { num_shared_experts: 3, head_dim: 14, attention_bias: true, model_type: 'flex_olmo_noqknorm_prenorm' },
    layers: [shared(3), shared(3), shared(3)],
  },
  'only shared experts': { keys: { num_shared_experts: 4 }, layers: [shared(4), shared(4), shared(4)] },
  'experts that are always active, which win over shared ones': {
    keys: { always_active_experts: [7, 2], num_shared_experts: 1 },
    layers: [listed(2, 7), listed(2, 7), listed(2, 7)],
  },
  'other always active experts in each layer': {
    keys: {
      ...{ always_active_experts: [1], num_shared_experts: 2 },
      always_active_experts_per_layer: [[0], [], [3, 4, 8]],
    },
    layers: [listed(0), shared(2), listed(3, 4, 8)],
  },
  'other numbers of experts in each layer, one of them dense': {
    keys: { num_experts_per_layer: [6, 0, 11], num_shared_experts: 1, dense_intermediate_size: 52 },
    layers: [shared(1), ROUTED, shared(1)],
  },
  'other numbers of shared experts, and a dense layer with biases': {
    keys: {
      ...{ num_experts_per_layer: [4, 7, 0], num_shared_experts_per_layer: [0, 2, 1], num_shared_experts: 1 },
      ...{ dense_intermediate_size: 24, dense_mlp_bias: true },
    },
    layers: [ROUTED, shared(2), ROUTED],
  },
  'a list of shared experts that is not read without one of experts': {
    keys: { num_shared_experts: 1, num_shared_experts_per_layer: [3, 3, 3] },
    layers: [shared(1), shared(1), shared(1)],
  },
  'a tied head and linear RoPE': {
    keys: { num_shared_experts: 1, tie_word_embeddings: true, rope_scaling: { type: 'linear', factor: 2 } },
    layers: [shared(1), shared(1), shared(1)],
  },
}

/** Chooses experts by the rules of AllenAI's code: the first that fits the layer holds. */
function choose(z: readonly number[], k: number, { listed, shared }: EmoLayer, isNormalised = false): Chosen[] {
  const chosen = (p: readonly number[], ids: readonly number[]) => ids.map((id) => ({ id, gate: p[id] }))
  const best = (p: readonly number[], ids: number[], count: number) =>
    chosen(p, ids.sort((a, b) => p[b] - p[a]).slice(0, count))
  const p = softmax(z)
  if (listed.length > 0) {
    const others = [...p.keys()].filter((id) => !listed.includes(id))
    return [...chosen(p, listed), ...best(p, others, k - listed.length)]
  }
  if (shared > 0) {
    const routed = softmax(z.slice(0, -shared))
    const own = softmax(z.slice(-shared)).map((gate, i) => ({ id: routed.length + i, gate }))
    return [...own, ...best(routed, [...routed.keys()], k - shared)]
  }
  const routed = best(p, [...p.keys()], k)
  const all = isNormalised ? routed.reduce((sum, { gate }) => sum + gate, 0) : 1
  return routed.map(({ id, gate }) => ({ id, gate: gate / all }))
}

for (const [name, { keys, layers, isNormalised }] of Object.entries(CASES)) {
  test(`${name}: exact logits, and the experts of the reference`, () =>
    inTemporaryFolder(async (dir) => {
      const all = { ...SMALL, ...keys }
      const { tensors } = await writeRandomCheckpoint(dir, all, 3)
      const tokens = integers(30, 5, SMALL.vocab_size)
      const expected = emoForward(all, tensors, tokens, (layer, z) => choose(z, 4, layers[layer], isNormalised))
      const { logits, routes } = await forwardHere(dir, tokens, { quant: 'f32' })
      isNear(logits, inOneRow(expected.logits), LOGITS, 'logits')
      for (const [l, chosen] of expected.chosen.entries()) {
        const { mlp } = routes[l]
        assert.is(mlp === undefined, chosen.length === 0, `layer ${l} has experts or not`)
        if (!mlp) continue
        const [ids, gates] = [chosen.flat().map(({ id }) => id), chosen.flat().map(({ gate }) => gate)]
        assert.equal([...mlp.ids], ids)
        isNear(mlp.gates, gates, GATES, `gates of layer ${l}`)
      }
    }))
}

const parse = (keys: Record<string, unknown>) => parseConfig({ ...SMALL, ...keys }, 'config.json') as EmoConfig

test('absent keys have the defaults of the reference code', () => {
  const { ropes, epsilon, tieWordEmbeddings, mixtures, attentionBias } = parseConfig(
    { model_type: 'emo' },
    'config.json',
  ) as EmoConfig
  assert.equal([ropes[0]?.theta, epsilon, tieWordEmbeddings, attentionBias], [500000, 1e-6, false, 'none'])
  assert.equal(mixtures, [{ kind: 'mlp', experts: new Array(32).fill(7), topK: 5, routing: {} }])
})

test('a model of dense layers alone has no mixture', () => {
  assert.equal(parse({ num_experts: 0, dense_intermediate_size: 8 }).mixtures, [])
})

test('the shape in words names experts that are always chosen', () => {
  const words = (keys: Record<string, unknown>) => {
    const config = parse(keys)
    return architectureOf(config).describe(config).router
  }
  assert.equal(words({}), ['linear'])
  assert.equal(words({ num_shared_experts: 1 }), ['linear', '1 expert always chosen'])
  const lists = [[0], [], [3, 4, 8]]
  assert.equal(words({ always_active_experts_per_layer: lists }), ['linear', '1 to 3 experts always chosen'])
})

test('ids of a pruned model replace the ids that follow from its keys', () => {
  const molm_experts = { mlp: [5, 4, 9], always: { mlp: [[4], [0], [2]] } }
  const { mixtures } = parse({ num_shared_experts: 1, molm_experts })
  const expected = [4, 0, 2].map((id) => ({ ids: [id], isApart: true }))
  assert.equal(mixtures[0].routing?.always, expected)
})

test('numbers that would fill the memory are refused before they do', async () => {
  const huge = {
    num_experts: 2 ** 24,
    num_shared_experts: 2 ** 24,
    num_experts_per_tok: 2 ** 24,
    num_hidden_layers: 4096,
  }
  await rejectsWithUserError(() => parse(huge), /asks for \d+ mlp experts in all layers/)
  const molm_experts = { mlp: new Array(4096).fill(4) }
  await rejectsWithUserError(() => parse({ ...huge, molm_experts }), /num_experts_per_tok 16777216 is more than the 4/)
  const ids = new Array(2 ** 20).fill(0)
  const many = { ...huge, num_experts_per_tok: 4, always_active_experts: ids, molm_experts }
  await rejectsWithUserError(() => parse(many), /every token uses 1048576 experts of layer 0, but at most 4 in all/)
})

test('keys that make no sense are refused by name', async () => {
  const refused: [Record<string, unknown>, RegExp][] = [
    [
      { norm_topk_prob: true, num_shared_experts: 1 },
      /norm_topk_prob must be false with experts that every token uses/,
    ],
    [{ norm_topk_prob: true, always_active_experts: [1] }, /norm_topk_prob must be false/],
    [{ num_experts_per_layer: [9, 9] }, /num_experts_per_layer must be a list of 3 integers from 0, one per layer/],
    [{ num_experts_per_layer: [9, 3, 9] }, /num_experts_per_tok 4 is more than the 3 experts/],
    [{ num_experts_per_layer: [9, 0, 9] }, /dense_intermediate_size must be an integer/],
    [{ num_experts_per_layer: [9, 9, 9], num_shared_experts_per_layer: [1] }, /num_shared_experts_per_layer/],
    [{ num_shared_experts: 5 }, /every token uses 5 experts of layer 0, but at most 4 in all/],
    [{ always_active_experts: [0, 1, 2, 3, 4] }, /every token uses 5 experts of layer 0, but at most 4 in all/],
    [{ always_active_experts: [9] }, /every token uses must be at most 4 ids, rising, from 0 to 8/],
    [{ always_active_experts: [2, 2] }, /every token uses must be at most 4 ids/],
    [{ always_active_experts: ['2'] }, /always_active_experts must be a list of ids/],
    [{ always_active_experts_per_layer: [[0]] }, /always_active_experts_per_layer must be a list of ids for each of 3/],
    [{ ghost_extend_eval: true }, /ghost_extend_eval must be false/],
    [
      { num_shared_experts: 1, molm_experts: { mlp: [5, 5, 5], always: { mlp: [[5], [4], [4]] } } },
      /molm_experts\.always\.mlp must be at most 4 ids, rising, from 0 to 4 in layer 0/,
    ],
    [
      { num_shared_experts: 1, molm_experts: { mlp: [5, 5, 5], always: { mlp: [[], [4], [4]] } } },
      /molm_experts\.always\.mlp/,
    ],
    [
      { num_shared_experts: 1, molm_experts: { mlp: [9, 9, 9], always: { mlp: 'x' } } },
      /molm_experts\.always\.mlp must list ids of experts for each layer, not "x"/,
    ],
    [
      { num_shared_experts: 1, molm_experts: { mlp: [9, 9, 9], always: 5 } },
      /molm_experts\.always must list ids of experts for each layer, not 5/,
    ],
    [
      { molm_experts: { mlp: [9, 9, 9], always: { mlp: [[1], [1], [1]] } } },
      /molm_experts\.always\.mlp has no meaning: no expert is used by every token/,
    ],
    [{ num_shared_experts: 1, molm_experts: { mlp: [5, 5, 5] } }, /the experts that every token uses must be/],
  ]
  for (const [keys, pattern] of refused) await rejectsWithUserError(() => parse(keys), pattern)
})

test.run()
