import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExpertsPerToken } from '#molm/index.js'
import { withExpertsPerToken } from '#molm/model/config/experts-per-token.js'
import { inOneRow, isNear } from '../../support/compare.js'
import { forwardHere } from '../../support/forward-here.js'
import { TIERS } from '../../support/kernel-bench.js'
import { integers } from '../../support/random.js'
import { referenceForward } from '../../support/reference-model.js'
import { routesOf } from '../../support/routes.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { BLOCKS, GATES, LOGITS } from '../../support/tolerances.js'

/** Shapes that the reference checkpoints do not have, against the double-precision model. */
const CASES: Record<string, [json: Record<string, unknown>, expertsPerToken?: ExpertsPerToken]> = {
  'gmm router': [{ gate_type: 'gmm' }],
  'gmm router with more experts than gating channels': [{ gate_type: 'gmm', gating_size: 5, n_mlp_experts: 33 }],
  'linear router': [{ gate_type: 'linear' }],
  'one expert a token': [{ k_att: 1, k_mlp: 1 }],
  'all experts for every token': [{ n_att_experts: 3, k_att: 3, n_mlp_experts: 4, k_mlp: 4 }],
  'a single expert': [{ n_att_experts: 1, k_att: 1, n_mlp_experts: 1, k_mlp: 1 }],
  'tied embeddings': [{ tie_word_embeddings: true }],
  'K = V = LN1(x)': [{ n_head: 1, att_hidden: 40 }],
  'A = d with several heads': [{ n_head: 4, att_hidden: 40 }],
  'exact GELU': [{ activation_function: 'gelu' }],
  ReLU: [{ activation_function: 'relu' }],
  tanh: [{ activation_function: 'tanh' }],
  SiLU: [{ activation_function: 'silu' }],
  'odd sizes': [
    {
      ...{ vocab_size: 53, n_embd: 37, att_hidden: 33, n_head: 3, ffd_hidden: 45, gating_size: 19, n_layer: 3 },
      ...{ bos_token_id: 52, eos_token_id: 52 },
    },
  ],
  'heads of one channel': [{ n_head: 6, att_hidden: 6 }],
  'sizes beyond a block': [{ n_embd: 96, att_hidden: 80, n_head: 5, ffd_hidden: 130, gating_size: 70 }],
  'experts that differ from layer to layer': [{ n_layer: 3, molm_experts: { attention: [2, 9, 4], mlp: [17, 3, 6] } }],
  'experts that differ, gmm router': [{ gate_type: 'gmm', molm_experts: { attention: [2, 9], mlp: [17, 3] } }],
  'numbers of experts per token that differ from layer to layer': [
    { n_layer: 3, k_att: 3, k_mlp: 4, n_att_experts: 5, n_mlp_experts: 9 },
    { attention: [3, 1, 2], mlp: [1, 4, 2] },
  ],
}

const test = suite('synthetic checkpoints')

for (const [i, [name, [json, expertsPerToken]]] of Object.entries(CASES).entries()) {
  test(`${name}: logits, block outputs and routing`, () =>
    inTemporaryFolder(async (dir) => {
      const { config: own, tensors } = await writeCheckpoint(dir, json)
      const config = expertsPerToken ? { ...own, ...withExpertsPerToken(own, expertsPerToken) } : own
      const tokens = integers(45, 3, config.vocabSize)
      const expected = referenceForward(config, tensors, tokens)
      const tier = TIERS[i % TIERS.length]
      const { logits, hidden, routes } = await forwardHere(dir, tokens, { quant: 'f32', tier, expertsPerToken })
      isNear(logits, inOneRow(expected.logits), LOGITS, 'logits')
      for (const [l, x] of hidden.entries()) isNear(x, expected.hidden[l], BLOCKS, `output of block ${l}`)
      for (const [l, choices] of expected.routes.entries()) {
        for (const kind of ['attention', 'mlp'] as const) {
          const found = routesOf(routes[l], kind)
          const [ids, gates] = [
            inOneRow(choices[kind].map(({ ids }) => ids)),
            inOneRow(choices[kind].map(({ gates }) => gates)),
          ]
          assert.equal([...found.ids], ids, `${kind} experts of layer ${l}`)
          isNear(found.gates, gates, GATES, `${kind} gates of layer ${l}`)
        }
      }
    }))
}

test.run()
