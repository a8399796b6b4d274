import * as assert from 'uvu/assert'
import type { LayerRoutes, Model } from '#molm/index.js'
import { isNear } from './compare.js'
import type { FamilyExpected } from './family-fixtures.js'
import { BLOCKS, GATES, LOGITS } from './tolerances.js'

/** Compares logits, outputs of blocks and routes with the expected ones, prompt by prompt. */
export async function checkForward(model: Model, expected: FamilyExpected): Promise<void> {
  const { width } = model.config
  for (const [prompt, tokens] of Object.entries(expected.prompts)) {
    const all = expected.allLogits[prompt]
    const hasOutputs = prompt in expected.blockOutputs
    const options = { logits: all ? 'all' : 'last', hidden: hasOutputs, routes: true } as const
    const { logits, hidden = [], routes = [] } = await model.createSession().forward(tokens, options)
    isNear(logits, all ?? expected.lastLogits[prompt], LOGITS, `${prompt}: logits`)
    checkLayers(prompt, { hidden, routes }, expected, width)
  }
}

/** Compares outputs of blocks, if some are expected, and routes. */
export function checkLayers(
  prompt: string,
  found: { hidden: readonly Float32Array[]; routes: readonly LayerRoutes[] },
  expected: FamilyExpected,
  width: number,
): void {
  const outputs: Float32Array | undefined = expected.blockOutputs[prompt]
  for (const [l, x] of outputs ? found.hidden.entries() : []) {
    isNear(x, outputs.subarray(l * width, (l + 1) * width), BLOCKS, `${prompt}: output of block ${l}`)
  }
  for (const [l, { attn, mlp }] of expected.routing[prompt].entries()) {
    for (const [kind, wanted] of [['attention', attn] as const, ['mlp', mlp] as const]) {
      const routes = found.routes[l][kind]
      assert.is(routes === undefined, wanted === undefined, `${prompt}: layer ${l} has ${kind} experts or not`)
      if (!routes || !wanted) continue
      assert.equal([...routes.ids], wanted.ids.flat(), `${prompt}: ${kind} experts of layer ${l}`)
      isNear(routes.gates, wanted.gates.flat(), GATES, `${prompt}: ${kind} gates of layer ${l}`)
    }
  }
}
