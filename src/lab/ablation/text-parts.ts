import type { Model, SessionOptions } from '../../api/model.js'
import type { ForwardOptions, ForwardResult, Session } from '../../api/session.js'
import { inOrder } from '../../ground/in-order.js'
import { cut, useSession } from '../../insight/texts/reading.js'
import { ExpertUsage } from '../../insight/usage/usage.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'

/** Tokens of parts under way: two micro-batches, so that the model never waits for the next part. */
const TOKENS_AHEAD = 512
/** Parts to divide a text into, and the bounds of their tokens. */
const PARTS = { wanted: 20, least: 64, most: 512 }

/** Divides texts into parts, each read from its own beginning. A part of a single token predicts nothing: it goes. */
export function partsOf(texts: readonly (readonly number[])[], most: number = PARTS.most): number[][] {
  const all = texts.reduce((sum, { length }) => sum + length, 0)
  const size = Math.min(most, PARTS.most, Math.max(PARTS.least, Math.ceil(all / PARTS.wanted)))
  return texts.flatMap((tokens) => cut(tokens, size)).filter(({ length }) => length >= 2)
}

/** Numbers of the tokens of parts that are predicted: all but the first. */
export function predictedIn(parts: readonly (readonly number[])[]): number[] {
  return parts.map(({ length }) => length - 1)
}

/** Runs parts, several at once, and yields in order the loss of each in nats, and whatever else was asked for. */
export function runParts(
  model: Model,
  parts: readonly (readonly number[])[],
  { mask, ...options }: SessionOptions & Pick<ForwardOptions, 'routes' | 'outputSums' | 'signal'>,
): AsyncGenerator<Omit<ForwardResult, 'logits'> & { loss: number }, void> {
  const run = async (part: readonly number[]) => {
    const wanted = { ...options, targets: part.slice(1), logits: 'none' } as const
    const read = (session: Session) => session.forward(part.slice(0, -1), wanted)
    const { logits: _, ...result } = await useSession(model, read, { mask })
    let loss = 0
    for (const logprob of result.logprobs ?? []) loss -= logprob
    return { ...result, loss }
  }
  const longest = parts.reduce((most, { length }) => Math.max(most, length), 1)
  return inOrder(parts, run, { parallel: Math.ceil(TOKENS_AHEAD / longest) + 1 })
}

export interface WholeText {
  /** Loss of each part, in nats, and the number of its predicted tokens. */
  losses: number[]
  predicted: number[]
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
  const whole = { losses: [] as number[], predicted: predictedIn(parts), usages: [] as ExpertUsage[] }
  const usage = new ExpertUsage(config)
  const sums = perMixture(config.mixtures, ({ experts }) => experts.map(() => new Float64Array(config.width)))
  const results = runParts(model, parts, { routes: true, outputSums: true, signal })
  for await (const { loss, routes = [], outputSums = {} } of results) {
    const tokens = whole.predicted[whole.losses.length]
    const own = new ExpertUsage(config)
    own.add(routes, tokens)
    usage.add(routes, tokens)
    whole.losses.push(loss)
    whole.usages.push(own)
    for (const { kind } of config.mixtures) {
      for (const [layer, sum] of (outputSums[kind] ?? []).entries()) {
        const total = sums[kind]?.[layer]
        if (total) for (let i = 0; i < sum.length; i++) total[i] += sum[i]
      }
    }
  }
  const means = perMixture(config.mixtures, ({ kind, experts }) =>
    experts.map((_, layer) => {
      const uses = usage.of(kind, layer).counts.reduce((total, count) => total + count, 0)
      return Float32Array.from(sums[kind]?.[layer] ?? [], (value) => (uses === 0 ? 0 : value / uses))
    }),
  )
  return { ...whole, usage, means }
}
