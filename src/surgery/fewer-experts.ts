import type { Model } from '../api/model.js'
import { checkLanguageModel } from '../evaluation/check-language-model.js'
import type { NamedText } from '../evaluation/text-file.js'
import { type PerMixture, perMixture } from '../model/config.js'
import { usedPerToken } from '../model/experts-per-token.js'
import {
  type CurveOptions,
  fewerNumbers,
  measureExpertsPerToken,
  type NumbersByKind,
  type NumbersPoint,
} from './experts-per-token-curve.js'
import { searchExpertsPerToken } from './experts-per-token-search.js'
import { splitTexts } from './held-out.js'

export interface FewerExpertsOptions extends CurveOptions {
  /**
   * Share of the bytes of experts that a token may read: a number for each layer is then searched on the first three
   * quarters of each text, and all numbers are measured on the last quarter.
   */
  budget?: number
}

/** A model with fewer and fewer experts per token. */
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
