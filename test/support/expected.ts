import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as assert from 'uvu/assert'
import type { LayerRoutes, Model } from '#molm/index.js'
import { isNear } from './compare.js'
import { fixturePath } from './fixtures.js'
import { withModel } from './models.js'
import { BLOCKS, GATES, LOGITS } from './tolerances.js'

/** Floats of expected.json: little-endian float32 in base64. */
export interface StoredFloats {
  shape: number[]
  base64: string
}

/** Routes of one kind in one layer: a row of ids and a row of gates for each token. */
interface Routes {
  ids: number[][]
  gates: number[][]
}

/** Results of the original code for a reference checkpoint that is a language model, by prompt. */
export interface Expected {
  prompts: Record<string, number[]>
  lastLogits: Record<string, Float32Array>
  /** [T, V], for some prompts. */
  allLogits: Record<string, Float32Array>
  /** [L, d]: residual stream after each block, at the last token. */
  blockOutputs: Record<string, Float32Array>
  /** By layer, for some prompts. A kind is absent if the layer has no experts of it. */
  routing: Record<string, { attn?: Routes; mlp?: Routes }[]>
  greedy: Record<string, number[]>
  meanCrossEntropy: Record<string, number>
}

/** Reads the results for a fixture, or for another folder. IBM's code wrote ModuleFormer's results, in keys that name their prompt. */
export function readExpected(fixture: string): Expected {
  const json = JSON.parse(readFileSync(resolve(fixturePath(''), fixture, 'expected.json'), 'utf8'))
  const all = json.all_logits_p7 ? { p7: json.all_logits_p7 } : json.all_logits
  const outputs = json.block_outputs_p7_last ? { p7: json.block_outputs_p7_last } : json.block_outputs_last
  const floats = (stored: Record<string, StoredFloats> = {}) =>
    Object.fromEntries(Object.entries(stored).map(([prompt, values]) => [prompt, floatsOf(values)]))
  const greedy = Object.entries<{ ids: number[] }>(json.greedy ?? {}).map(([prompt, { ids }]) => [prompt, ids])
  return {
    prompts: json.prompts,
    lastLogits: floats(json.last_logits),
    allLogits: floats(all),
    blockOutputs: floats(outputs),
    routing: json.routing ?? { p7: json.routing_p7 },
    greedy: json.greedy_p7 ? { p7: json.greedy_p7.ids_with_cache } : Object.fromEntries(greedy),
    meanCrossEntropy: json.mean_cross_entropy ?? { p48: json.mean_cross_entropy_p48 },
  }
}

export function floatsOf({ shape, base64 }: StoredFloats): Float32Array {
  const floats = new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer)
  if (floats.length === shape.reduce((a, b) => a * b, 1)) return floats
  throw new Error('expected.json: floats do not fit their shape')
}

/** Compares logits, outputs of blocks and routes with the expected ones, prompt by prompt. */
export async function checkForward(model: Model, expected: Expected): Promise<void> {
  for (const [prompt, tokens] of Object.entries(expected.prompts)) {
    const all = expected.allLogits[prompt]
    const hasOutputs = prompt in expected.blockOutputs
    const options = { logits: all ? 'all' : 'last', hidden: hasOutputs, routes: true } as const
    const { logits, hidden = [], routes = [] } = await model.createSession().forward(tokens, options)
    isNear(logits, all ?? expected.lastLogits[prompt], LOGITS, `${prompt}: logits`)
    checkLayers(prompt, { hidden, routes }, expected, model.config.width)
  }
}

/** Compares outputs of blocks and routes, if some are expected. */
export function checkLayers(
  prompt: string,
  found: { hidden: readonly Float32Array[]; routes: readonly LayerRoutes[] },
  { blockOutputs, routing }: Expected,
  width: number,
): void {
  const outputs: Float32Array | undefined = blockOutputs[prompt]
  for (const [l, x] of outputs ? found.hidden.entries() : []) {
    isNear(x, outputs.subarray(l * width, (l + 1) * width), BLOCKS, `${prompt}: output of block ${l}`)
  }
  for (const [l, { attn, mlp }] of routing[prompt]?.entries() ?? []) {
    for (const [kind, wanted] of [['attention', attn] as const, ['mlp', mlp] as const]) {
      const routes = found.routes[l][kind]
      assert.is(routes === undefined, wanted === undefined, `${prompt}: layer ${l} has ${kind} experts or not`)
      if (!routes || !wanted) continue
      assert.equal([...routes.ids], wanted.ids.flat(), `${prompt}: ${kind} experts of layer ${l}`)
      isNear(routes.gates, wanted.gates.flat(), GATES, `${prompt}: ${kind} gates of layer ${l}`)
    }
  }
}

/** Checks that a model in f32 gives the logits of a reference checkpoint. */
export const givesExpectedLogits = (model: string, fixture: string): Promise<void> =>
  withModel(model, { quant: 'f32', threads: 1 }, async (loaded) => {
    const { prompts, lastLogits } = readExpected(fixture)
    isNear((await loaded.createSession().forward(prompts.p7)).logits, lastLogits.p7, LOGITS, 'logits')
  })
