import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import { type RopeConfig, ropeFrequencies } from '#molm/model/layers/mixers/rope.js'
import { inOneRow, isNear, sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { integers } from '../../support/random.js'
import { mixtralForward } from '../../support/reference-families.js'
import { writeRandomCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { LOGITS } from '../../support/tolerances.js'

interface Case {
  theta: number
  scaling: Exclude<RopeConfig['scaling'], { type: 'default' }>
  headSize: number
  /** float32, little-endian, in hex. */
  frequencies: string
}

/** NumPy computed these in float32, with the same operations as Hugging Face transformers. */
const CASES: Case[] = JSON.parse(readFileSync(fixturePath('rope/frequencies.json'), 'utf8'))

const MIXTRAL = {
  ...{ model_type: 'mixtral', architectures: ['MixtralForCausalLM'], vocab_size: 97, hidden_size: 48 },
  ...{ intermediate_size: 40, num_hidden_layers: 2, num_attention_heads: 8, num_key_value_heads: 1, head_dim: 16 },
  ...{ num_local_experts: 4, num_experts_per_tok: 2, max_position_embeddings: 1024, rope_theta: 10000 },
}

function floatsOf(hex: string): Float32Array {
  const bytes = Buffer.from(hex, 'hex')
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i))
}

test('frequencies equal the reference code’s bit for bit', () => {
  for (const { headSize, frequencies, ...rope } of CASES) {
    sameBits(ropeFrequencies(rope, headSize), floatsOf(frequencies), JSON.stringify(rope))
  }
})

const SCALINGS = [
  { type: 'linear', factor: 1.7 },
  { type: 'yarn', factor: 6.4, original_max_position_embeddings: 128 },
]

for (const rope_scaling of SCALINGS) {
  const { type, factor } = rope_scaling
  test(`a Mixtral with ${type} RoPE of factor ${factor} gives the exact logits over 300 tokens`, () =>
    inTemporaryFolder(async (dir) => {
      // Large queries make attention sharp, so that a frequency off by one ulp has a visible effect.
      const gain = (key: string) => (key.includes('q_proj') ? 3 : 1)
      const { tensors } = await writeRandomCheckpoint(dir, { ...MIXTRAL, rope_scaling }, 1, { gain })
      const tokens = integers(300, 1, MIXTRAL.vocab_size)
      const { scaling, frequencies } = caseOf(type, factor)
      const size = scaling.type === 'yarn' ? scaling.attention : 1
      const expected = mixtralForward(MIXTRAL, tensors, tokens, { frequencies: floatsOf(frequencies), size })
      const { logits } = await forwardHere(dir, tokens, { quant: 'f32' })
      isNear(logits, inOneRow(expected.logits), LOGITS, 'logits')
    }))
}

function caseOf(type: string, factor: number): Case {
  const found = CASES.find(({ headSize, scaling }) => {
    return headSize === MIXTRAL.head_dim && scaling.type === type && 'factor' in scaling && scaling.factor === factor
  })
  if (!found) throw new Error(`no frequencies of ${type} RoPE with factor ${factor}`)
  return found
}

test.run()
