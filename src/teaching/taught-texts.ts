import type { Model } from '../generation/types.js'
import { type ModelConfig, mixtureOf } from '../model/config.js'
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

export interface BeforeAndAfter {
  before: number
  after: number
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
