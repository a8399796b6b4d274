import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import { countTokens, type EncodedText, encodeTexts, splitTexts, trainTokens } from './datasets.js'
import { createInitialWeights } from './initial-weights.js'
import { countReplayTokens, generateReplay, type ReplaySequences, replayDatasets } from './replay.js'
import type { TeachingPlan } from './teach-events.js'
import { DEFAULT_BATCH, fitBatch, type Settings, type TeachOptions } from './teach-options.js'
import { checkMemory, trainingPlan } from './training-plan.js'
import { type RunSetup, type StepSizes, stepSizes } from './training-run.js'

/** Steps by default: that many readings of the texts, within these limits. */
const DEFAULT_EPOCHS = 2
const LEAST_STEPS = 96
const MOST_STEPS = 256

/** What is going to be done, and with what. */
export interface RunPlan {
  setup: RunSetup
  plan: TeachingPlan
  sizes: StepSizes
  /** What the model has written to be kept; `course.keep` has it, too. */
  replay: ReplaySequences[]
  /** Weights that the new experts begin with. */
  initialWeights(): Promise<Float32Array>
}

/** The texts in ids, and the settings with the batch that fits them. */
export interface TrainingTexts {
  texts: EncodedText[]
  keepTexts: EncodedText[]
  settings: Settings
}

/** Reads the texts. Rejects with a UserError if they are too short for a batch, or if the model cannot be trained. */
export async function readTexts(
  model: Model,
  wanted: Settings,
  { texts, keepTexts = [], batch, signal }: Omit<TeachOptions, 'out'>,
): Promise<TrainingTexts> {
  // Before long texts are read for nothing.
  await model.training.size(trainingPlan(wanted))
  const encoded = await encodeTexts(model, texts, signal)
  const available = encoded.reduce((sum, text) => sum + trainTokens(text), 0)
  return {
    texts: encoded,
    keepTexts: await encodeTexts(model, keepTexts, signal),
    settings: fitBatch(wanted, batch, available),
  }
}

/** Where what the model writes to be kept comes from, or how much of it is written. */
interface Writing {
  /** What it has written in an earlier run. */
  earlier?: ReplaySequences[]
  /** Whether no more is written than a single step reads. */
  forOneStep?: boolean
}

/** Lays out what is to be done. Rejects with a UserError if a text is too short, or if there is no room. */
export async function planRun(
  model: Model,
  { texts, keepTexts, settings }: TrainingTexts,
  options: Omit<TeachOptions, 'out'>,
  { earlier, forOneStep = false }: Writing = {},
): Promise<RunPlan> {
  const { signal, onEvent } = options
  const trained = trainingPlan(settings)
  const size = await checkMemory(model, trained)
  const datasets = splitTexts(texts, settings.window)
  const given = splitTexts(keepTexts, settings.window)
  const trainSequences = datasets.flatMap(({ train }) => train)
  const sizes = stepSizes(settings)
  const stepsPerEpoch = Math.ceil(trainSequences.length / sizes.newText)
  const steps = stepsOf(settings, stepsPerEpoch)
  const replayed = forOneStep ? sizes.replay : steps * sizes.replay
  const replay =
    earlier ?? (await generateReplay(model, datasets, { ...settings, replayed, holdsOut: !forOneStep, signal }))
  const retained = [...replayDatasets(replay), ...given]
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
      heldOut: countTokens(datasets.flatMap(({ heldOut }) => heldOut)),
      replay:
        countReplayTokens({ replayed: steps * sizes.replay, window }) +
        countTokens(given.flatMap(({ train }) => train)),
    },
    steps,
    stepsPerEpoch,
  }
  onEvent?.({ kind: 'plan', plan })
  const initialWeights = () => createInitialWeights(model, trained, settings, trainSequences, signal)
  return {
    setup: { settings, plan: trained, datasets, retained, steps: plan.steps },
    plan,
    sizes,
    replay,
    initialWeights,
  }
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
