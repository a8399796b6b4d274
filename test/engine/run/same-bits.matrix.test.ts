import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ForwardReply } from '#molm/engine/run/messages/protocol.js'
import { convertModel, describeModel } from '#molm/index.js'
import { type ModelConfig, perMixture } from '#molm/model/config/config.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import type { Intervention } from '#molm/model/config/intervention.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { combinations } from '../../support/combinations.js'
import { type CompanyText, readAlone, readTogether, sameReply } from '../../support/companies.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { logitsInPieces } from '../../support/forward-here.js'
import { type LoadedOptions, withLoaded } from '../../support/loaded-model.js'
import { integers } from '../../support/random.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/*
 * A text has the same bits on every tier, with any number of threads, in any pieces, after cuts, and in any company, with
 * its own mask or without. One thread that reads it whole and alone gives the expected ones.
 */
const test = suite('the same bits')

/** One of each kind of layer: attention, router, shared experts, running states. */
const CHECKPOINTS: Record<string, string> = {
  '04-bin-f16-sharded': 'stick-breaking, an MLP router',
  '05-linear-silu-safetensors-f32': 'stick-breaking, a linear router',
  '11-molm-like-bin-bf16-sharded': 'stick-breaking with K = V',
  '46-qwen2moe-bf16-sharded': 'biases, a gated shared expert',
  '52-mixtral-window-bf16-sharded': 'a window',
  '62-jetmoe-bf16-sharded': 'experts of attention',
  '71-gptoss-bf16-sharded': 'sinks, windows in some layers',
  '72-gptoss-mxfp4': 'MXFP4',
  '82-lfm2moe-bf16-sharded': 'convolutions, dense layers, a bias of the choice',
  '91-granitehybrid-f32': 'heads with states beside experts',
  '92-granitehybrid-dense-bf16-sharded': 'heads with states in groups',
  '186-flexolmo-f32': 'no norms before, but after',
  '226-laguna-f32': 'heads by the layer with softplus gates',
  '242-cohere2moe-bf16-sharded': 'attention and experts that read one LayerNorm',
  '237-nemotronh-bf16-sharded': 'layers of one kind, networks without gates, norms of groups of heads',
  '112-deepseekv2-bf16-sharded': 'latents of keys and values, and of queries; experts in groups',
  '142-emo-pruned-bf16-sharded': 'experts of documents',
  '152-smallthinker-window-bf16-sharded': 'a router before attention',
  '171-gemma4-f32': 'heads by the layer, keys as values, a dense layer beside experts, a cap',
  '181-afmoe-f32': 'gated attention, norms after layers, a shared expert',
  '196-qwen35moe-bf16': 'DeltaNet, gated attention, a part of heads that turns',
  '202-mellum-bf16-sharded': 'other positions with a window',
  '232-granitemoeswa-bf16-sharded': 'sinks and windows, layers without positions',
  '211-ling3-f32': 'latents beside states that forget row by row, gates of heads',
  '217-kimilinear-bf16-sharded': 'latents without positions, decays through latents',
  '207-zaya-bf16-sharded': 'states beside keys and values, a state from router to router',
}

/** More positions than these checkpoints have. */
const POSITIONS = 1000
/** Lengths around the sizes of pages (32) and spans of softmax attention (256). */
const LENGTHS = [1, 3, 40, 260, 33, 2]

const AXES = {
  weights: [{ quant: 'f32' }, { quant: 'q8', cacheType: 'q8' }, { quant: 'q4', cacheType: 'bf16' }] as LoadedOptions[],
  kernels: [
    { tier: 'relaxed', threads: 3 },
    { tier: 'plain', threads: 2 },
    { tier: 'scalar', threads: 1 },
  ],
  way: ['in pieces, after cuts', 'in company', 'in company, with masks'],
} as const

type Point = ReturnType<typeof combinations<typeof AXES>>[number]

/** One of each kind, for all tokens and for some. */
function interventionsIn({ mixtures, layers, width }: ModelConfig): Intervention[] {
  const own = mixtures.flatMap(({ kind: part, experts }): Intervention[] => {
    const layer = experts.findIndex((count) => count > 0)
    if (layer < 0) return []
    const of = { layer, part, expert: 0 }
    const replace = new Float32Array(width).fill(1 / 4)
    return [
      { ...of, tokens: [1], replace, weights: [0.5] },
      { ...of, weights: [0.25] },
    ]
  })
  const replace = [...new Float32Array(width).fill(1), ...new Float32Array(width).fill(1 / 2)]
  return [...own, { layer: layers - 1, part: 'residual', tokens: [0, 38], replace }]
}

/** Texts with random tokens; if `isMasked`, most have a mask of their own. */
function textsFor({ config }: Decoder, isMasked: boolean): CompanyText[] {
  const out = (id: number) => perMixture(config.mixtures, ({ experts }) => experts.map((n) => (n > id + 4 ? [id] : [])))
  const means = perMixture(config.mixtures, ({ experts }) => {
    return experts.map((_, layer) => new Float32Array(config.width).fill((layer + 1) / 8))
  })
  const pushes = perMixture(config.mixtures, ({ experts }) =>
    experts.map((n) =>
      n > 3
        ? [
            { id: 1, by: 1.25 },
            { id: 2, by: 'always' as const },
          ]
        : [],
    ),
  )
  const masks: (ExpertMask | undefined)[] = [
    undefined,
    { ...out(0), gates: 'kept' },
    { ...out(1), gates: 'kept', instead: { means } },
    { ...out(1), gates: 'all' },
    { ...out(0), gates: 'kept', pushes },
    { ...out(1), gates: 'kept', instead: 'nothing', interventions: interventionsIn(config) },
  ]
  return LENGTHS.map((length, i) => ({
    tokens: integers(length, 50 + i, config.vocabSize),
    mask: isMasked ? masks[i % masks.length] : undefined,
  }))
}

/** Replies to each text alone, by weights, cache and masks. */
class Expected {
  private readonly known = new Map<string, ForwardReply[]>()

  constructor(private readonly name: string) {}

  async of({ weights, way }: Point): Promise<ForwardReply[]> {
    const isMasked = way.includes('masks')
    const key = `${JSON.stringify(weights)} ${isMasked}`
    const known = this.known.get(key)
    if (known) return known
    const options: LoadedOptions = { ...weights, tier: 'plain', threads: 1, positions: POSITIONS }
    const replies = await withLoaded(fixturePath(this.name), options, ({ model }) => {
      return textsFor(model, isMasked).map((text) => readAlone(model, text))
    })
    this.known.set(key, replies)
    return replies
  }
}

function check(model: Decoder, way: Point['way'], expected: ForwardReply[], seed: number, what: string): void {
  const texts = textsFor(model, way.includes('masks'))
  if (way.startsWith('in company')) {
    const found = readTogether(model, texts, seed)
    for (const [i, reply] of found.entries()) sameReply(reply, expected[i], `${what}, ${LENGTHS[i]} tokens`)
    return
  }
  for (const [i, sizes, cuts] of [
    [2, new Array<number>(40).fill(1), [33, 32, 31, 1]],
    [3, [1, 2, 30, 60, 7, 127, 1, 32], [259, 255]],
    [4, [3, 30], [32, 30]],
  ] as const) {
    const found = logitsInPieces(model, texts[i].tokens, sizes, cuts)
    sameBits(found, expected[i].logits, `${what}, ${LENGTHS[i]} tokens`)
  }
}

/** A cache of latents has no q8. */
const withoutQ8 = (weights: Point['weights']): Point['weights'] =>
  weights.cacheType === 'q8' ? { ...weights, cacheType: 'bf16' } : weights

const points = combinations({ name: Object.keys(CHECKPOINTS), ...AXES }).map((point) => {
  return CHECKPOINTS[point.name].startsWith('latents') ? { ...point, weights: withoutQ8(point.weights) } : point
})

for (const [name, kind] of Object.entries(CHECKPOINTS)) {
  test(`${kind}: ${name}`, async () => {
    const expected = new Expected(name)
    for (const [i, point] of points.filter((point) => point.name === name).entries()) {
      const { weights, kernels, way } = point
      const replies = await expected.of(point)
      await withLoaded(fixturePath(name), { ...weights, ...kernels, positions: POSITIONS }, ({ model }) => {
        check(model, way, replies, i + 1, JSON.stringify(point))
      })
    }
  })
}

/** The second one's routers have a state that passes from memory to memory. */
for (const name of ['04-bin-f16-sharded', '207-zaya-bf16-sharded']) {
  test(`with several memories that cannot hold all experts at once: ${name}`, () =>
    inTemporaryFolder(async (dir) => {
      const path = `${dir}/packed`
      await convertModel(fixturePath(name), path, { threads: 1 })
      const { bytes } = await describeModel(path)
      const expected = await withLoaded(path, { positions: POSITIONS }, ({ model }) => {
        return textsFor(model, false).map((text) => readAlone(model, text))
      })
      const few = { threads: 2, memory: Math.round(bytes * 0.9), bankBytes: bytes / 2, positions: POSITIONS }
      await withLoaded(path, few, ({ model, store }) => {
        assert.ok(store.banks.length >= 2, `${store.banks.length} memories`)
        check(model, 'in company', expected, 8, 'several memories')
        check(model, 'in pieces, after cuts', expected, 8, 'several memories')
      })
    }))
}

test.run()
