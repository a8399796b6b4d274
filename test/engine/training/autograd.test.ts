import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrainedTensor } from '#molm/engine/training/plan.js'
import { Trainer } from '#molm/engine/training/trainer.js'
import { fixturePath } from '../../support/fixtures.js'
import { finish, wholePlan, withTrainable } from '../../support/trainer.js'

/*
 * Gradients that PyTorch's autograd computed through IBM's own code, for the mean cross-entropy over a prompt and the
 * experts and router rows of some layers. They are in float32, whose own noise is 2e-6. A file may hold fewer experts
 * than the model has.
 */
const test = suite('gradients of the original code')

interface Gradients {
  tokens: Int32Array
  loss: number
  tensors: Map<string, { shape: number[]; values: Float32Array }>
}

function gradientsOf(name: string): Gradients {
  const bytes = readFileSync(fixturePath(`gradients/${name}.safetensors`))
  const length = Number(bytes.readBigUInt64LE())
  const { __metadata__: meta, ...header } = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>()
  for (const [key, { shape, data_offsets }] of Object.entries<{ shape: number[]; data_offsets: number[] }>(header)) {
    const [from, to] = data_offsets
    const values = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + 8 + length + from, bytes.byteOffset + 8 + length + to),
    )
    tensors.set(key, { shape, values })
  }
  return { tokens: Int32Array.from(JSON.parse(meta.tokens)), loss: Number(meta.loss_float64), tensors }
}

/** Key of the checkpoint's tensor that contains a trained one. */
function keyOf({ layer, kind, piece }: TrainedTensor, gate: string): string {
  const block = `transformer.h.${layer}.${kind === 'attention' ? 'attn.q_proj' : 'mlpf'}`
  if (piece === 'router') return `${block}.gate.${gate}`
  return `${block}.${piece === 'output' ? 'output_experts' : 'experts'}.weight`
}

const FILES: Record<string, string> = {
  '02-base-safetensors-f32': 'w_gate.3.weight',
  '05-linear-silu-safetensors-f32': 'w_gate.0.weight',
  '11-molm-like-bin-bf16-sharded': 'w_gate.3.weight',
}

for (const [name, gate] of Object.entries(FILES)) {
  test(`${name}: every trained tensor, within 1e-4 of its norm`, () =>
    withTrainable(fixturePath(name), { threads: 2 }, (model) => {
      const { tokens, loss: expectedLoss, tensors } = gradientsOf(name)
      const trainer = new Trainer(model, wholePlan(model, { maxTokens: 64 }))
      trainer.begin()
      const { loss, gradients } = finish(trainer.gradients({ sequences: [tokens] }))
      assert.ok(Math.abs(loss - expectedLoss) < 1e-5, `loss ${loss}, not ${expectedLoss}`)
      const sums = new Map<string, { error: number; size: number }>()
      for (const tensor of trainer.tensors) {
        const key = keyOf(tensor, gate)
        const expected = tensors.get(key)
        if (!expected || tensor.expert >= expected.shape[0]) continue
        const { rows, cols, offset, expert } = tensor
        const sum = sums.get(key) ?? { error: 0, size: 0 }
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < cols; c++) {
            // A checkpoint has an expert's matrices as [in, out].
            const value = expected.values[expert * rows * cols + c * rows + r]
            sum.error += (gradients[offset + r * cols + c] - value) ** 2
            sum.size += value ** 2
          }
        }
        sums.set(key, sum)
      }
      assert.equal([...sums.keys()].sort(), [...tensors.keys()].sort())
      for (const [key, { error, size }] of sums) {
        assert.ok(size > 0, key)
        const relative = Math.sqrt(error / size)
        if (process.env.SHOW) console.log(key, relative)
        assert.ok(relative < 1e-4, `${key}: ${relative}`)
      }
      trainer.release()
    }))
}

test.run()
