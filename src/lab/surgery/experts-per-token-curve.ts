import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { encodeTexts } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { type Mixture, type ModelConfig, type PerMixture, perMixture } from '../../model/config/config.js'
import { usedPerToken } from '../../model/config/experts-per-token.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { partsOf, predictedIn, runParts } from '../ablation/text-parts.js'
import { riseOf, type Worth, worthOf } from '../ablation/worth.js'
import { decodeOnce, median } from './decode-speed.js'

/** Numbers of experts per token, by kind: one for all layers, or a list with one for each. */
export type NumbersByKind = PerMixture<number | number[]>

export interface NumbersPoint {
  numbers: NumbersByKind
  activeBytes: number
  /** Share of the bytes of experts that a token reads, of those at the first point. */
  expertShare: number
  /** Mean loss in nats per token. */
  loss: Worth
  perplexity: number
  /** Rise of the loss since the first point, in nats per token. */
  rise: Worth
  /** Tokens a second of a generation, the median of three; absent without `speed`. */
  tokensPerSecond?: number
}

export interface CurveOptions {
  /** Whether to measure the speed, too. Default true. */
  speed?: boolean
  /** Called at the beginning of each step, with its name. */
  onProgress?: (step: string) => void
  signal?: AbortSignal
}

/** Most points of numbers that vary together for several kinds of experts; beyond it they vary one kind at a time. */
const MOST_POINTS = 24

/** Runs of each point that count; one more comes first. */
const SPEED_RUNS = 3

/** Numbers to compare: first as in the model, then fewer and fewer, the same in every layer. */
export function fewerNumbers({ mixtures }: Pick<ModelConfig, 'mixtures'>): NumbersByKind[] {
  const full = perMixture(mixtures, (mixture) => inEachLayer(mixture, mixture.topK))
  const falling = (mixture: Mixture) => {
    const least = leastPerToken(mixture)
    return Array.from({ length: mixture.topK - least + 1 }, (_, i) => inEachLayer(mixture, mixture.topK - i))
  }
  const points = mixtures.reduce((count, mixture) => count * falling(mixture).length, 1)
  if (points > MOST_POINTS) {
    return [
      full,
      ...mixtures.flatMap((mixture) =>
        falling(mixture)
          .slice(1)
          .map((k) => ({ ...full, [mixture.kind]: k })),
      ),
    ]
  }
  return mixtures.reduce<NumbersByKind[]>(
    (settings, mixture) => settings.flatMap((one) => falling(mixture).map((k) => ({ ...one, [mixture.kind]: k }))),
    [{}],
  )
}

/** The same number of experts in every layer, but all of a layer that has fewer. */
function inEachLayer({ experts }: Mixture, number: number): number | number[] {
  const isEnough = experts.every((count) => count === 0 || count >= number)
  return isEnough ? number : experts.map((count) => Math.min(count, number))
}

export function leastPerToken(mixture: Mixture): number {
  return mixture.experts.reduce((least, _, layer) => Math.max(least, alwaysChosen(mixture, layer).length), 1)
}

/**
 * Measures a model with several numbers of experts per token on texts: loss, bytes and speed. Afterwards it has the
 * numbers of its loading. Rejects with a UserError if the texts have fewer than two tokens.
 */
export async function measureExpertsPerToken(
  model: Model,
  texts: readonly NamedText[],
  settings: readonly NumbersByKind[],
  { speed = true, onProgress, signal }: CurveOptions = {},
): Promise<NumbersPoint[]> {
  const tokens = await encodeTexts(model, texts, signal)
  const parts = partsOf(tokens, model.config.maxPositions)
  if (parts.length === 0) throw new UserError('there are fewer than two tokens to measure on')
  const predicted = predictedIn(parts)
  try {
    const points: NumbersPoint[] = []
    let first: number[] | undefined
    for (const [i, numbers] of settings.entries()) {
      onProgress?.(`measuring ${i + 1} of ${settings.length}: ${numbersInWords(numbers)}`)
      await model.setExpertsPerToken(numbers)
      const losses = await lossesOf(model, parts, signal)
      first ??= losses
      const loss = worthOf(losses, predicted)
      points.push({
        numbers: perMixture(model.config.mixtures, usedPerToken),
        activeBytes: model.info.activeBytes,
        expertShare: expertBytes(model),
        loss,
        perplexity: Math.exp(loss.nats),
        rise: riseOf(losses, first, predicted),
      })
    }
    const [{ expertShare: whole }] = points
    for (const point of points) point.expertShare /= whole
    if (speed) await measureSpeeds(model, tokens, points, { onProgress, signal })
    return points
  } finally {
    await model.setExpertsPerToken()
  }
}

export async function lossesOf(model: Model, parts: readonly number[][], signal?: AbortSignal): Promise<number[]> {
  const losses: number[] = []
  for await (const { loss } of runParts(model, parts, { signal })) losses.push(loss)
  return losses
}

export function expertBytes({ info: { parts } }: Model): number {
  return parts.reduce((sum, { name, bytes, active, parameters }) => {
    return sum + (name.endsWith(' experts') ? (bytes * active) / parameters : 0)
  }, 0)
}

/** `2 attention, 3 mlp`, or with lists `mlp by layer`. */
export function numbersInWords(numbers: NumbersByKind): string {
  return Object.entries(numbers)
    .map(([kind, own]) => (typeof own === 'number' ? `${own} ${kind}` : `${kind} by layer`))
    .join(', ')
}

/** Measures the speeds of all points in turn, so that a change of the machine's speed affects all of them. */
async function measureSpeeds(
  model: Model,
  texts: readonly (readonly number[])[],
  points: NumbersPoint[],
  { onProgress, signal }: CurveOptions,
): Promise<void> {
  const [text] = texts.filter(({ length }) => length > 0)
  const speeds = points.map((): number[] => [])
  // The first run does not count: it reads experts and warms the code.
  for (let run = -1; run < SPEED_RUNS; run++) {
    // Forwards, then backwards: no point always follows the same one.
    const order = [...points.keys()]
    if (run % 2 !== 0) order.reverse()
    for (const i of order) {
      const { numbers } = points[i]
      onProgress?.(`speed, run ${run + 2} of ${SPEED_RUNS + 1}: ${numbersInWords(numbers)}`)
      await model.setExpertsPerToken(numbers)
      const speed = await decodeOnce(model, text, signal)
      if (run >= 0) speeds[i].push(speed)
    }
  }
  for (const [i, point] of points.entries()) point.tokensPerSecond = median(speeds[i])
}
