import type { Model } from '../api/model.js'
import { ExpertUsage } from '../experts/usage.js'
import { type PerMixture, perMixture } from '../model/config.js'
import { predictedIn, runParts } from './text-parts.js'

/** Parts of a text as the whole model reads them. */
export interface WholeText {
  /** Loss of each part, in nats, and the number of its predicted tokens. */
  losses: number[]
  predicted: number[]
  /** Usage of the experts by each part, and by all. */
  usages: ExpertUsage[]
  usage: ExpertUsage
  /** Mean output of the experts of each layer, over their uses. */
  means: PerMixture<Float32Array[]>
}

export async function readWhole(
  model: Model,
  parts: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<WholeText> {
  const { config } = model
  const { mixtures, width } = config
  const whole = { losses: [] as number[], predicted: parts.map(predictedIn), usages: [] as ExpertUsage[] }
  const usage = new ExpertUsage(config)
  const sums = perMixture(mixtures, ({ experts }) => experts.map(() => new Float64Array(width)))
  for await (const { loss, routes = [], outputSums = {} } of runParts(model, parts, {
    routes: true,
    outputSums: true,
    signal,
  })) {
    const tokens = whole.predicted[whole.losses.length]
    const own = new ExpertUsage(config)
    own.add(routes, tokens)
    usage.add(routes, tokens)
    whole.losses.push(loss)
    whole.usages.push(own)
    for (const { kind } of mixtures) {
      for (const [layer, sum] of (outputSums[kind] ?? []).entries()) {
        const total = sums[kind]?.[layer]
        if (total) for (let i = 0; i < sum.length; i++) total[i] += sum[i]
      }
    }
  }
  const means = perMixture(mixtures, ({ kind, experts }) =>
    experts.map((_, layer) => {
      const uses = usage.of(kind, layer).counts.reduce((total, count) => total + count, 0)
      return Float32Array.from(sums[kind]?.[layer] ?? [], (value) => (uses === 0 ? 0 : value / uses))
    }),
  )
  return { ...whole, usage, means }
}
