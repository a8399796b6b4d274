import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import { type Course, type StepSizes, stepSizes } from './course.js'
import { countTokens, type EncodedText, encodeTexts, lessonsOf, trainTokens } from './lessons.js'
import { firstWeights } from './newcomers.js'
import { type OwnWriting, ownLessons, rehearsalTokens, writeRehearsal } from './rehearsal.js'
import { checkMemory, trainingPlan } from './taught-plan.js'
import type { TeachingPlan } from './teach-events.js'
import { DEFAULT_BATCH, fitBatch, type Settings, type TeachOptions } from './teach-options.js'

/** Steps by default: that many readings of the texts, within these limits. */
const DEFAULT_EPOCHS = 2
const LEAST_STEPS = 96
const MOST_STEPS = 256

/** What is going to be done, and with what. */
export interface Outline {
  course: Course
  plan: TeachingPlan
  sizes: StepSizes
  /** What the model has written to be kept; `course.keep` has it, too. */
  written: OwnWriting[]
  /** Weights that the newcomers begin with. */
  first(): Promise<Float32Array>
}

/** The texts in ids, and the settings with the batch that fits them. */
export interface Source {
  texts: EncodedText[]
  keepTexts: EncodedText[]
  settings: Settings
}

/** Reads the texts. Rejects with a UserError if they are too short for a batch, or if the model cannot be trained. */
export async function readSource(
  own: Model,
  wanted: Settings,
  { texts, keepTexts = [], batch, signal }: Omit<TeachOptions, 'out'>,
): Promise<Source> {
  // Before long texts are read for nothing.
  await own.training.size(trainingPlan(wanted))
  const encoded = await encodeTexts(own, texts, signal)
  const available = encoded.reduce((sum, text) => sum + trainTokens(text), 0)
  return {
    texts: encoded,
    keepTexts: await encodeTexts(own, keepTexts, signal),
    settings: fitBatch(wanted, batch, available),
  }
}

/** Where what the model writes to be kept comes from, or how much of it is written. */
interface Writing {
  /** What it has written in an earlier run. */
  earlier?: OwnWriting[]
  /** Whether no more is written than a single step reads. */
  forOneStep?: boolean
}

/** Lays out what is to be done. Rejects with a UserError if a text is too short, or if there is no room. */
export async function layOut(
  own: Model,
  { texts, keepTexts, settings }: Source,
  options: Omit<TeachOptions, 'out'>,
  { earlier, forOneStep = false }: Writing = {},
): Promise<Outline> {
  const { signal, onEvent } = options
  const trained = trainingPlan(settings)
  const size = await checkMemory(own, trained)
  const lessons = lessonsOf(texts, settings.window)
  const given = lessonsOf(keepTexts, settings.window)
  const trainSequences = lessons.flatMap(({ train }) => train)
  const sizes = stepSizes(settings)
  const stepsPerEpoch = Math.ceil(trainSequences.length / sizes.learn)
  const steps = stepsOf(settings, stepsPerEpoch)
  const rehearsed = forOneStep ? sizes.keep : steps * sizes.keep
  const written =
    earlier ?? (await writeRehearsal(own, lessons, { ...settings, rehearsed, holdsOut: !forOneStep, signal }))
  const keep = [...ownLessons(written), ...given]
  const { kind, layers, experts, batch, window } = settings
  const plan: TeachingPlan = {
    kind,
    layers,
    experts,
    ...size,
    batch,
    ...(options.batch === undefined && batch < DEFAULT_BATCH && { usualBatch: DEFAULT_BATCH }),
    tokens: {
      train: countTokens(trainSequences),
      heldOut: countTokens(lessons.flatMap(({ heldOut }) => heldOut)),
      keep:
        rehearsalTokens({ rehearsed: steps * sizes.keep, window }) + countTokens(given.flatMap(({ train }) => train)),
    },
    steps,
    stepsPerEpoch,
  }
  onEvent?.({ kind: 'plan', plan })
  const first = () => firstWeights(own, trained, settings, trainSequences, signal)
  return { course: { settings, plan: trained, lessons, keep, steps: plan.steps }, plan, sizes, written, first }
}

/** Throws a UserError if a model has nothing to do with what is taught here. */
export function checkTeachable(name: string, { architecture }: ModelConfig): void {
  if (architecture === 'causal-lm') return
  throw new UserError(`${name} is a classifier: only language models are taught`)
}

/** Two readings of the texts, but enough steps for a short one, and no more than ten minutes of a small model for a long one. */
function stepsOf({ steps, epochs }: Settings, stepsPerEpoch: number): number {
  if (steps !== undefined) return steps
  if (epochs !== undefined) return epochs * stepsPerEpoch
  return Math.min(MOST_STEPS, Math.max(LEAST_STEPS, DEFAULT_EPOCHS * stepsPerEpoch))
}
