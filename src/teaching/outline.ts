import { UsageError, UserError } from '../errors.js'
import type { Model } from '../generation/types.js'
import type { ModelConfig } from '../model/config.js'
import { type Course, type StepSizes, stepSizes } from './course.js'
import type { Journal } from './journal.js'
import { countTokens, type Lesson, lessonsOf } from './lessons.js'
import { firstWeights } from './newcomers.js'
import { OWN_WRITING, ownWriting } from './own-writing.js'
import { checkMemory, trainingPlan } from './taught-plan.js'
import type { TeachingPlan } from './teach-events.js'
import type { Settings, TeachOptions } from './teach-options.js'

/** What is going to be done, and with what. */
export interface Outline {
  course: Course
  plan: TeachingPlan
  sizes: StepSizes
  /** What tells how much was forgotten; read again as far as `course.settings.keep` says. */
  keep: Lesson[]
  /** Weights that the newcomers begin with. */
  first(): Promise<Float32Array>
}

/** Reads the texts and lays out what is to be done. Rejects with a UserError where they are too short, or there is no room. */
export async function layOut(
  own: Model,
  settings: Settings,
  options: Omit<TeachOptions, 'out'>,
  journal?: Journal,
): Promise<Outline> {
  const { texts, keepTexts, signal, onEvent } = options
  const trained = trainingPlan(settings)
  const size = await checkMemory(own, trained)
  onEvent?.({ kind: 'phase', phase: 'reading the texts' })
  const lessons = await lessonsOf(own, texts, settings.window, signal)
  const trainSequences = lessons.flatMap(({ train }) => train)
  const available = countTokens(trainSequences)
  if (available < settings.batch) {
    throw new UserError(
      `the texts have ${available} tokens to learn from, fewer than a \`batch\` of ${settings.batch}; ` +
        'give more text, or a smaller `batch`',
    )
  }
  const keep = keepTexts
    ? await lessonsOf(own, keepTexts, settings.window, signal)
    : [await writing(own, settings, options, journal)]
  const sizes = stepSizes(settings, keep.length > 0)
  const stepsPerEpoch = Math.ceil(trainSequences.length / sizes.learn)
  const steps = options.steps ?? settings.epochs * stepsPerEpoch
  const { kind, layers, experts } = settings
  const plan: TeachingPlan = {
    kind,
    layers,
    experts,
    ...size,
    tokens: {
      train: available,
      heldOut: countTokens(lessons.flatMap(({ heldOut }) => heldOut)),
      keep: countTokens(keep.flatMap(({ train }) => train)),
    },
    steps,
    stepsPerEpoch,
  }
  onEvent?.({ kind: 'plan', plan })
  const first = () => firstWeights(own, trained, settings, trainSequences, signal)
  return { course: { settings, plan: trained, lessons, keep, steps }, plan, sizes, keep, first }
}

/** Throws a UserError where a model has nothing to do with what is taught here. */
export function checkTeachable(name: string, { architecture }: ModelConfig): void {
  if (architecture === 'causal-lm') return
  throw new UserError(`${name} is a classifier: only language models are taught`)
}

/** The model's own writing, anew or as an earlier run has kept it. */
async function writing(
  own: Model,
  settings: Settings,
  options: Omit<TeachOptions, 'out'>,
  journal?: Journal,
): Promise<Lesson> {
  if (journal && !journal.ownWriting) throw new UsageError('the training that goes on had `keepTexts`; give them again')
  if (journal?.ownWriting) {
    const { train, heldOut } = journal.ownWriting
    return { name: OWN_WRITING, train: train.map(arrayOf), heldOut: heldOut.map(arrayOf) }
  }
  options.onEvent?.({ kind: 'phase', phase: 'letting the model write what it is to keep' })
  return ownWriting(own, settings, { signal: options.signal })
}

function arrayOf(ids: readonly number[]): Int32Array {
  return Int32Array.from(ids)
}
