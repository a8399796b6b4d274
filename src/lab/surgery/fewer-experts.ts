import type { Model } from '../../api/model.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { type MixtureKind, type PerMixture, perMixture } from '../../model/config/config.js'
import { usedIn, usedPerToken } from '../../model/config/experts-per-token.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { partsOf, predictedIn } from '../ablation/text-parts.js'
import { riseOf } from '../ablation/worth.js'
import { checkLanguageModel } from '../evaluation/check-language-model.js'
import { encodeTexts } from '../evaluation/reading.js'
import type { NamedText } from '../evaluation/text-file.js'
import {
  type CurveOptions,
  expertBytes,
  fewerNumbers,
  leastPerToken,
  lossesOf,
  measureExpertsPerToken,
  type NumbersByKind,
  type NumbersPoint,
  numbersInWords,
} from './experts-per-token-curve.js'
import { splitTexts } from './held-out.js'

export interface FewerExpertsOptions extends CurveOptions {
  /**
   * Share of the bytes of experts that a token may read: a number for each layer is then searched on the first three
   * quarters of each text, and all numbers are measured on the last quarter.
   */
  budget?: number
}

export interface FewerExperts {
  /** The first has the most experts per token; all rises are since it. */
  points: NumbersPoint[]
  /** Numbers found within the budget, which are also the last point. */
  found?: PerMixture<number[]>
}

/**
 * Measures the loss, bytes and speed of a model with fewer and fewer experts per token on texts: the same number in every
 * layer, the numbers that the model was loaded with, and with a `budget` the best ones found. Rejects with a UserError
 * if the texts are too short or the budget too small.
 */
export async function measureFewerExperts(
  model: Model,
  texts: readonly NamedText[],
  { budget, ...options }: FewerExpertsOptions = {},
): Promise<FewerExperts> {
  checkLanguageModel(model)
  const settings = fewerNumbers(model.config)
  const loaded: NumbersByKind = perMixture(model.config.mixtures, usedPerToken)
  if (!settings.some((one) => JSON.stringify(one) === JSON.stringify(loaded))) settings.push(loaded)
  if (budget === undefined) return { points: await measureExpertsPerToken(model, texts, settings, options) }
  const { calibration, heldOut } = splitTexts(texts)
  const found = await searchExpertsPerToken(model, calibration, { budget, ...options })
  return { points: await measureExpertsPerToken(model, heldOut, [...settings, found], options), found }
}

/** Tokens to search with, of all texts together. */
const MOST_TOKENS = 2048

/** A layer's experts of one kind, measured with fewer of them per token. */
interface LayerChoice {
  kind: MixtureKind
  layer: number
  used: number
  /** The fewest that it may use. */
  least: number
  /** By number: rise of the loss and bytes that a token reads, with all other layers unchanged. */
  rises: Map<number, number>
  bytes: Map<number, number>
}

/**
 * Searches a number of experts per token for each layer, so that a token reads at most a share of the bytes of experts.
 * It measures each layer alone with each smaller number, then takes, again and again, the step that raises the loss
 * least per byte. The same number in every layer wins if its loss is lower. Afterwards the model has the numbers of its
 * loading. Rejects with a UserError if the budget is too small, or the texts are too short.
 */
async function searchExpertsPerToken(
  model: Model,
  texts: readonly NamedText[],
  { budget, onProgress, signal }: CurveOptions & { budget: number },
): Promise<PerMixture<number[]>> {
  if (!(budget > 0 && budget <= 1))
    throw new UsageError(phrase`${option('budget')} must be a share above 0 and at most 1`)
  const { mixtures } = model.config
  const full = perMixture(mixtures, ({ experts, topK }) => experts.map((count) => Math.min(count, topK)))
  // As many tokens of each text.
  const each = Math.floor(MOST_TOKENS / texts.length)
  const tokens = (await encodeTexts(model, texts, signal)).map((all) => all.slice(0, each))
  const parts = partsOf(tokens, model.config.maxPositions)
  if (parts.length === 0) throw new UserError('there are fewer than two tokens to search with')
  const predicted = predictedIn(parts)
  try {
    await model.setExpertsPerToken(full)
    const [whole, base] = [expertBytes(model), await lossesOf(model, parts, signal)]
    await checkBudget(model, budget, whole)
    const choices = mixtures.flatMap((mixture) =>
      mixture.experts.flatMap((count, layer): LayerChoice[] => {
        const { kind, topK } = mixture
        const used = Math.min(count, topK)
        const least = Math.max(1, alwaysChosen(mixture, layer).length)
        return used > 0
          ? [{ kind, layer, used, least, rises: new Map([[used, 0]]), bytes: new Map([[used, whole]]) }]
          : []
      }),
    )
    const steps = choices.flatMap((choice) =>
      Array.from({ length: choice.used - choice.least }, (_, i) => ({ choice, number: choice.used - 1 - i })),
    )
    for (const [i, { choice, number }] of steps.entries()) {
      const { kind, layer, rises, bytes } = choice
      onProgress?.(`searching, ${i + 1} of ${steps.length}: layer ${layer}, ${number} ${kind}`)
      await model.setExpertsPerToken({ ...full, [kind]: full[kind]?.map((own, l) => (l === layer ? number : own)) })
      const losses = await lossesOf(model, parts, signal)
      rises.set(number, riseOf(losses, base, predicted).nats)
      bytes.set(number, expertBytes(model))
    }
    ascend(choices, descend(choices, whole * (1 - budget)))
    const found = perMixture(mixtures, ({ kind }) =>
      (full[kind] ?? []).map((own, layer) => {
        return choices.find((choice) => choice.kind === kind && choice.layer === layer)?.used ?? own
      }),
    )
    // Layers that were measured alone may lose more together, so the same numbers in every layer are tried, too.
    let best = { numbers: found, nats: Number.POSITIVE_INFINITY }
    for (const one of [found, ...fewerNumbers(model.config)]) {
      await model.setExpertsPerToken(one)
      if (expertBytes(model) > whole * budget * (1 + 1e-9)) continue
      onProgress?.(`comparing ${numbersInWords(one)}`)
      const { nats } = riseOf(await lossesOf(model, parts, signal), base, predicted)
      if (nats < best.nats) best = { numbers: inLists(model), nats }
    }
    return best.numbers
  } finally {
    await model.setExpertsPerToken()
  }
}

/** The numbers that the model has now, with one for each layer. */
function inLists({ config }: Model): PerMixture<number[]> {
  return perMixture(config.mixtures, (mixture) => mixture.experts.map((_, layer) => usedIn(mixture, layer)))
}

/** Takes the cheapest steps until they save `wanted` bytes. Returns the bytes that they save beyond that. */
function descend(choices: readonly LayerChoice[], wanted: number): number {
  let saved = 0
  while (saved < wanted * (1 - 1e-9)) {
    const fewer = stepsOf(choices).filter(({ choice, number }) => number < choice.used)
    if (fewer.length === 0) break
    saved -= take(fewer.reduce((best, step) => (step.rate < best.rate ? step : best)))
  }
  return saved - wanted
}

/** Takes the most useful steps back, as far as `spare` bytes allow. */
function ascend(choices: readonly LayerChoice[], spare: number): void {
  for (let left = spare * (1 + 1e-9); ; ) {
    const more = stepsOf(choices).filter(({ choice, number, bytes, rate }) => {
      return number > choice.used && bytes <= left && rate > 0
    })
    if (more.length === 0) return
    left -= take(more.reduce((best, step) => (step.rate > best.rate ? step : best)))
  }
}

/** All changes of one layer: the bytes that it adds, and the fall of the loss for each of these. */
function stepsOf(choices: readonly LayerChoice[]) {
  return choices.flatMap((choice) => {
    const { used, rises, bytes } = choice
    return Array.from(rises, ([number, rise]) => {
      const added = (bytes.get(number) ?? 0) - (bytes.get(used) ?? 0)
      return { choice, number, bytes: added, rate: ((rises.get(used) ?? 0) - rise) / added }
    })
  })
}

function take({ choice, number, bytes }: ReturnType<typeof stepsOf>[number]): number {
  choice.used = number
  return bytes
}

async function checkBudget(model: Model, budget: number, whole: number): Promise<void> {
  await model.setExpertsPerToken(perMixture(model.config.mixtures, leastPerToken))
  const least = expertBytes(model) / whole
  if (least <= budget * (1 + 1e-9)) return
  const percent = Math.ceil(1000 * least) / 10
  throw new UserError(`a budget of ${100 * budget} % is too small: with the fewest experts, a token reads ${percent} %`)
}
