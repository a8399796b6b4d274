import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Calibration } from '#molm/engine/run/calibration.js'
import type { LoadedModel } from '#molm/engine/run/load.js'
import type { CalibrationRequest } from '#molm/engine/run/messages/calibration-request.js'
import { fixturePath } from '../../support/fixtures.js'
import { forwardHere } from '../../support/forward-here.js'
import { withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { runTask } from '../../support/run-task.js'

const test = suite('pass over a text, layer by layer')

/** Families with each kind of layer. */
const FIXTURES = [
  '01-base-bin-f32',
  '23-granitemoeshared-f16',
  '81-lfm2moe-f32',
  '91-granitehybrid-f32',
  '121-deepseekv3-f32',
  '151-smallthinker-f32',
  '171-gemma4-f32',
  '61-jetmoe-f32',
  '161-qwen35moe-f32',
  '181-afmoe-f32',
  '206-zaya-f32',
  '211-ling3-f32',
]

function steps(loaded: LoadedModel) {
  const calibration = new Calibration(loaded)
  return <T>(request: Omit<CalibrationRequest, 'kind'> & Record<string, unknown>): T =>
    runTask(
      loaded.model,
      calibration.task({ kind: 'calibrate', ...request } as CalibrationRequest, new Int32Array(1)),
    ) as T
}

for (const fixture of FIXTURES) {
  test(`the layers of ${fixture} give the head what a forward pass gives it`, async () => {
    await withLoaded(fixturePath(fixture), { quant: 'f32' }, async (loaded) => {
      const { config } = loaded.model
      const tokens = integers(23, 5, config.vocabSize)
      const ask = steps(loaded)
      ask({ step: 'begin', windows: [Int32Array.from(tokens.slice(0, 9)), Int32Array.from(tokens.slice(9))] })
      for (let layer = 0; layer < config.layers; layer++) {
        const names = ask<string[]>({ step: 'layer', layer })
        assert.ok(names.length > 0 && names.every((name) => name.startsWith(`layers.${layer}.`)), names.join())
      }
      ask({ step: 'head' })
      const rows = ask<Float32Array>({ step: 'inputs', matrix: 'lm_head/weight', columns: config.width })
      assert.is(rows.length, tokens.length * config.width)
      ask({ step: 'end' })

      // The same rows as if each window had been read in one forward pass.
      const { hidden } = await forwardHere(fixturePath(fixture), tokens.slice(9), { quant: 'f32' })
      const normed = loaded.model.runFinalNorm(Float32Array.from(paddedTo(hidden.at(-1), loaded.model.residual.stride)))
      assert.equal(rows.slice(-config.width), normed.slice(0, config.width))
    })
  })
}

test('experts count the inputs of their own tokens alone', async () => {
  await withLoaded(fixturePath('41-qwen3moe-f32'), { quant: 'f32' }, (loaded) => {
    const { config } = loaded.model
    const tokens = integers(40, 6, config.vocabSize)
    const ask = steps(loaded)
    ask({ step: 'begin', windows: [Int32Array.from(tokens)] })
    ask({ step: 'layer', layer: 0 })
    const { topK, experts } = config.mixtures[0]
    let items = 0
    for (let expert = 0; expert < experts[0]; expert++) {
      const rows = ask<Float32Array | undefined>({
        step: 'inputs',
        matrix: `layers.0.mlp.${expert}/gate_up`,
        columns: config.width,
      })
      items += (rows?.length ?? 0) / config.width
    }
    assert.is(items, tokens.length * topK)
    const all = ask<Float32Array>({ step: 'inputs', matrix: 'layers.0.dense/qkv.weight', columns: config.width })
    assert.is(all.length, tokens.length * config.width)
  })
})

function paddedTo(row: Float32Array | undefined, stride: number): number[] {
  return Array.from({ length: stride }, (_, i) => row?.[i] ?? 0)
}

test.run()
