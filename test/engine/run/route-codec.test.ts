import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RouteRecorder, routesByKind, unpackRoutes } from '#molm/engine/run/messages/route-codec.js'
import type { LayerRoutes, Mixture, MixtureKind, ModelConfig } from '#molm/index.js'

/** The parts of a config on which routes depend. */
function configOf(mixtures: Mixture[]): ModelConfig {
  return { layers: mixtures[0].experts.length, mixtures } as unknown as ModelConfig
}

const MODELS: Record<string, ModelConfig> = {
  'both kinds everywhere': configOf([
    { kind: 'attention', experts: [4, 4, 4], topK: 2 },
    { kind: 'mlp', experts: [6, 6, 6], topK: 3 },
  ]),
  'layers with different numbers of experts': configOf([
    { kind: 'attention', experts: [4, 2, 3], topK: 2 },
    { kind: 'mlp', experts: [3, 5, 4], topK: 3 },
  ]),
  'MLP experts alone': configOf([{ kind: 'mlp', experts: [8, 8], topK: 2 }]),
  'layers without experts': configOf([{ kind: 'mlp', experts: [0, 5, 0, 7], topK: 2 }]),
  'one kind in some layers, the other in others': configOf([
    { kind: 'attention', experts: [3, 0, 3, 0], topK: 1 },
    { kind: 'mlp', experts: [0, 4, 4, 0], topK: 2 },
  ]),
}

/** Values that encode their own place, so that no two are the same. */
const value = (layer: number, kind: MixtureKind, token: number, i: number) =>
  1000 * layer + (kind === 'mlp' ? 500 : 0) + 20 * token + i

function rows(layer: number, kind: MixtureKind, tokens: number[], each: number): number[] {
  return tokens.flatMap((token) => Array.from({ length: each }, (_, i) => value(layer, kind, token, i)))
}

/** Expected routes of these tokens. */
function expected({ layers, mixtures }: ModelConfig, tokens: number[]): LayerRoutes[] {
  return Array.from({ length: layers }, (_, layer) => {
    const present = mixtures.filter(({ experts }) => experts[layer] > 0)
    const routes = present.map(({ kind, experts, topK }) => {
      const chosen = rows(layer, kind, tokens, topK)
      return [
        kind,
        {
          ids: Int32Array.from(chosen),
          gates: Float32Array.from(chosen, (x) => x / 4096),
          outputNorms: Float32Array.from(chosen, (x) => -x),
          probabilities: Float32Array.from(rows(layer, kind, tokens, experts[layer]), (x) => x / 8192),
        },
      ]
    })
    return Object.fromEntries(routes)
  })
}

/** Sends tokens through the taps in batches of these sizes. */
function record(recorder: RouteRecorder, { layers, mixtures }: ModelConfig, batches: number[][]): void {
  const { taps } = recorder
  let done = 0
  for (const batch of batches) {
    for (let layer = 0; layer < layers; layer++) {
      for (const { kind, experts, topK } of mixtures.filter(({ experts }) => experts[layer] > 0)) {
        const chosen = rows(layer, kind, batch, topK)
        const ids = Int32Array.from(chosen)
        taps.routes?.(
          layer,
          kind,
          ids,
          Float32Array.from(chosen, (x) => x / 4096),
        )
        taps.probabilities?.(
          layer,
          kind,
          Float32Array.from(rows(layer, kind, batch, experts[layer]), (x) => x / 8192),
        )
        taps.outputNorms?.(
          layer,
          kind,
          Float32Array.from(chosen, (x) => -x),
        )
      }
    }
    done += batch.length
    recorder.at(done)
  }
}

const options = { probabilities: true, outputNorms: true }

for (const [name, config] of Object.entries(MODELS)) {
  test(`routes of a model with ${name} come back unchanged, for any split into batches`, () => {
    const tokens = [0, 1, 2, 3, 4]
    for (const batches of [[tokens], [[0, 1], [2], [3, 4]]]) {
      const recorder = new RouteRecorder(config, tokens.length, options)
      record(recorder, config, batches)
      assert.equal(unpackRoutes(recorder.packed, config, tokens.length), expected(config, tokens))
    }
  })

  test(`a batch with too many tokens keeps the last ones: ${name}`, () => {
    const recorder = new RouteRecorder(config, 1, options)
    record(recorder, config, [[0, 1, 2, 3]])
    assert.equal(unpackRoutes(recorder.packed, config, 1), expected(config, [3]))
  })
}

test('probabilities and norms are absent unless requested', () => {
  const config = MODELS['MLP experts alone']
  const recorder = new RouteRecorder(config, 2, { probabilities: false })
  const [layer] = unpackRoutes(recorder.packed, config, 2)
  assert.equal(Object.keys(layer.mlp ?? {}), ['ids', 'gates'])
})

test('a layer’s kinds are listed in the order of the model, without kinds that it lacks', () => {
  const config = MODELS['one kind in some layers, the other in others']
  const layers = unpackRoutes(new RouteRecorder(config, 1, options).packed, config, 1)
  assert.equal(
    layers.map((layer) => routesByKind(layer).map(({ kind }) => kind)),
    [['attention'], ['mlp'], ['attention', 'mlp'], []],
  )
})

test.run()
