import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MachineSpeed, ModelConfig } from '#molm/index.js'
import { predictSpeed } from '#molm/library/machine/predict-speed.js'
import { layoutOf, publishedFormats } from '#molm/model/families/index.js'
import { type PublishedShape, publishedShape } from '#molm/model/families/published-shapes.js'
import type { Part } from '#molm/model/packing/format/layout.js'

/** A machine with the same speeds in all formats. */
function machine(streamed: number, products: number, call: number): MachineSpeed {
  const all = (speed: number) => ({ q4: speed, q4m: speed, q8: speed, mxfp4: speed })
  return { streamed: all(streamed), products: all(products), call }
}

/** Tokens per second that `molm bench` gave on three servers (docs/SPEED.md): prompts of 512 tokens, answers. */
const RECORDED: [
  string,
  MachineSpeed,
  Partial<Record<PublishedShape, [prefill: number | undefined, decode: number]>>,
][] = [
  [
    'Zen 4, Node 24',
    machine(29e9, 97e9, 5e-6),
    {
      '350m-4b': [undefined, 100],
      'granite-1b-a400m': [219, 111],
      'granite-3b-a800m': [97, 52],
      'smallthinker-4b': [147, 53.4],
      'olmoe-1b-7b': [89, 45],
      'lfm2-8b-a1b': [68, 31.3],
      'gpt-oss-20b': [30, 13.4],
      'qwen3-30b-a3b': [39, 13],
    },
  ],
  ['Zen 5, Node 24', machine(52e9, 170e9, 4e-6), { 'granite-1b-a400m': [375, 155], 'olmoe-1b-7b': [156, 73] }],
  [
    'Xeon, Node 24',
    machine(20e9, 108e9, 5e-6),
    { '350m-4b': [undefined, 77], 'granite-1b-a400m': [256, 71], 'qwen3-30b-a3b': [35.5, 10.5] },
  ],
]

for (const [name, speed, figures] of RECORDED) {
  test(`the recorded speeds of all shapes follow from three figures of the machine: ${name}`, () => {
    for (const [shape, [prefill, decode]] of Object.entries(figures)) {
      const predicted = predictSpeed(...planned(shape as PublishedShape), speed)
      assertNear(predicted.decode, decode, `${shape}, answer`)
      if (prefill !== undefined) assertNear(predicted.prefill, prefill, `${shape}, prompt`)
    }
  })
}

/** Tokens per second in less memory, as docs/SPEED.md computes them from traces: a disk of 1 or of 3 GB a second. */
const LESS: [PublishedShape, whole: number, gib: number, one: number, three: number][] = [
  ['qwen3-30b-a3b', 10.5, 2, 1.5, 3.6],
  ['qwen3-30b-a3b', 10.5, 4, 3.2, 5.9],
  ['qwen3-30b-a3b', 10.5, 8, 5.6, 8.1],
  ['gpt-oss-20b', 15, 4, 2.7, 5.8],
  ['gpt-oss-20b', 15, 8, 7.8, 11],
]

test('with less memory, the experts that are missed are read', () => {
  for (const [shape, whole, gib, ...speeds] of LESS) {
    const [config, parts] = planned(shape)
    const unit = machine(1e9, 1e9, 0)
    const speed = machine((1e9 * whole) / predictSpeed(config, parts, unit).decode, 1e11, 0)
    for (const [i, expected] of speeds.entries()) {
      const little = { memory: gib * 2 ** 30, reading: [1e9, 3e9][i] }
      assertNear(predictSpeed(config, parts, speed, little).decode, expected, `${shape} in ${gib} GiB`)
    }
    const even = { memory: gib * 2 ** 30, reading: 1e9, isEven: true }
    assert.ok(predictSpeed(config, parts, speed, even).decode < speeds[0], `${shape}: no expert is woken oftener`)
  }
})

function planned(shape: PublishedShape): [ModelConfig, Part[]] {
  const config = publishedShape(shape)
  return [config, layoutOf(config, publishedFormats(config, 'q4')).parts]
}

function assertNear(predicted: number, measured: number, what: string): void {
  const ratio = predicted / measured
  assert.ok(ratio > 0.8 && ratio < 1.25, `${what}: ${predicted.toFixed(1)} predicted, ${measured} measured`)
}

test.run()
