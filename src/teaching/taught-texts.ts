import type { Model } from '../api/model.js'
import { type ModelConfig, mixtureOf } from '../model/config.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import { boundOf } from './calibration.js'
import type { Course } from './course.js'
import type { Lesson } from './lessons.js'
import { type Newcomers, type Predicted, readHeldOut } from './measure.js'

/** How the held-out part of a text, or a sample of a long one, is predicted, before and after. */
export interface TaughtText {
  name: string
  /** Tokens that were predicted. */
  scored: number
  /** Mean cross-entropy in nats. */
  loss: BeforeAndAfter
  /** Its exponential. */
  perplexity: BeforeAndAfter
  /** Part of the choices in the taught layers that fell on newcomers. */
  newcomerShare: number
}

/** A text that a taught model predicts worse than is accepted. */
export interface WorseText {
  name: string
  /** The rise of its loss, and the rise that is accepted, in nats: 0 for a text that was taught. */
  rise: number
  bound: number
}

/** How a model predicts each lesson of a course. */
export type Readings = ReadonlyMap<Lesson, Predicted>

/** Reads the held-out parts of a course; `config` is that of the model as it was: what it has not are newcomers. */
export async function readLessons(
  model: Model,
  { lessons, keep, settings: { kind, layers } }: Course,
  config: ModelConfig,
  signal?: AbortSignal,
): Promise<Readings> {
  const own = mixtureOf(config, kind)?.experts ?? []
  const first = own.map((count, layer) => (layers.includes(layer) ? count : undefined))
  const newcomers: Newcomers = { kind, first }
  const readings = new Map<Lesson, Predicted>()
  for (const lesson of [...lessons, ...keep]) readings.set(lesson, await readHeldOut(model, lesson, newcomers, signal))
  return readings
}

/** What a teaching has made of some lessons that were read before and after it. */
export function compareTexts(lessons: readonly Lesson[], before: Readings, after: Readings): TaughtText[] {
  return lessons.map((lesson) => comparedText(lesson, before.get(lesson), after.get(lesson)))
}

function comparedText({ name }: Lesson, before?: Predicted, after?: Predicted): TaughtText {
  if (!before || !after) throw new RangeError(`${name} was not read`)
  const { scored, newcomerShare } = after
  const loss = { before: before.loss, after: after.loss }
  const perplexity = { before: Math.exp(loss.before), after: Math.exp(loss.after) }
  return { name, scored, loss, perplexity, newcomerShare }
}

/**
 * The texts that a taught model predicts worse than before, and those beyond their bounds of what was to be kept.
 * Continuations are left out: only their second half has a bound.
 */
export function worsened(
  { keep, settings }: Course,
  texts: readonly TaughtText[],
  kept: readonly TaughtText[],
): WorseText[] {
  const rising = (text: TaughtText, bound: number, chance = 0): WorseText[] => {
    const rise = text.loss.after - text.loss.before
    return rise > bound + chance ? [{ name: text.name, rise, bound }] : []
  }
  return [
    ...texts.flatMap((text) => rising(text, 0)),
    ...kept.flatMap((text, i) => {
      if (keep[i].prompt) return []
      const bound = boundOf(keep[i], settings.forget)
      return rising(text, bound, chanceOf(bound, text.scored))
    }),
  ]
}

/**
 * How much more than a divergence the loss of one sample may well rise: two standard deviations of the mean of as many
 * differences, whose variance is twice the divergence if the models differ little.
 */
function chanceOf(divergence: number, scored: number): number {
  return 2 * Math.sqrt((2 * divergence) / scored)
}
