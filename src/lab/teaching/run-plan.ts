import type { Model } from '../../api/model.js'
import type { TrainingPlan } from '../../api/training.js'
import { MAX_TOKENS } from '../../engine/training/plan.js'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { formatBytes } from '../../ground/numbers.js'
import { encodeTexts } from '../../insight/texts/reading.js'
import type { NamedText } from '../../insight/texts/text-file.js'
import { availableMemory } from '../../library/machine/memory.js'
import type { ModelConfig } from '../../model/config/config.js'
import { countTokens, type EncodedText, splitTexts, trainTokens } from './datasets.js'
import { createInitialWeights } from './initial-weights.js'
import { countReplayTokens, generateReplay, type ReplaySequences, replayDatasets } from './rehearsal.js'
import type { TeachingPlan } from './teach-events.js'
import { DEFAULT_BATCH, fitBatch, type Settings, type TeachOptions } from './teach-options.js'
import { type RunSetup, stepSizes } from './training-run.js'

/** Default number of steps: this many epochs, within these limits. */
const DEFAULT_EPOCHS = 2
const LEAST_STEPS = 96
const MOST_STEPS = 256

export interface RunPlan {
  setup: RunSetup
  plan: TeachingPlan
  /** Replay sequences that the model wrote; `setup.retained` has them, too. */
  replay: ReplaySequences[]
  initialWeights(): Promise<Float32Array>
}

/** The encoded texts, and the settings with a batch that fits them. */
export interface TrainingTexts {
  texts: EncodedText[]
  keepTexts: EncodedText[]
  settings: Settings
}

/** Encodes the texts. Rejects with a UserError if they are too short for a batch or if the model cannot be trained. */
export async function readTexts(
  model: Model,
  wanted: Settings,
  { texts, keepTexts = [], batch, signal }: Omit<TeachOptions, 'out'>,
): Promise<TrainingTexts> {
  // Fails before long texts are read in vain.
  await model.training.size(trainingPlan(wanted))
  const encode = async (named: readonly NamedText[]) =>
    (await encodeTexts(model, named, signal)).map((ids, i) => ({ name: named[i].name, ids: Int32Array.from(ids) }))
  const encoded = await encode(texts)
  const available = encoded.reduce((sum, text) => sum + trainTokens(text), 0)
  return { texts: encoded, keepTexts: await encode(keepTexts), settings: fitBatch(wanted, batch, available) }
}

/**
 * Plans a teaching. The replay sequences are `earlier` ones, or the model writes them: with `forOneStep` no more than a
 * single step reads. Rejects with a UserError if a text is too short or if there is not enough memory.
 */
export async function planRun(
  model: Model,
  { texts, keepTexts, settings }: TrainingTexts,
  options: Omit<TeachOptions, 'out'>,
  { earlier, forOneStep = false }: { earlier?: ReplaySequences[]; forOneStep?: boolean },
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
  const setup = { settings, plan: trained, datasets, retained, steps }
  const initialWeights = () => createInitialWeights(model, trained, settings, trainSequences, signal)
  return { setup, plan, replay, initialWeights }
}

/** Throws a UserError if a model is not a language model. */
export function checkTeachable(name: string, { architecture }: ModelConfig): void {
  if (architecture === 'causal-lm') return
  throw new UserError(`${name} is a classifier: only language models are taught`)
}

/** By default two epochs: more for a short text, and for a long one at most ten minutes of a small model. */
function stepsOf({ steps, epochs }: Settings, stepsPerEpoch: number): number {
  if (steps !== undefined) return steps
  if (epochs !== undefined) return epochs * stepsPerEpoch
  return Math.min(MOST_STEPS, Math.max(LEAST_STEPS, DEFAULT_EPOCHS * stepsPerEpoch))
}

/** Copies of the weights on the caller's side: the best state, and one on its way to the disk with its moments. */
const COPIES = 4

/** Plans the training: new experts alone; the rest of the model is frozen. */
function trainingPlan({ layers, kind, experts, batch, window }: Settings): TrainingPlan {
  const mixtures = layers.map((layer) => ({ layer, kind, newExperts: experts }))
  return { mixtures, maxTokens: Math.max(window, Math.min(batch, MAX_TOKENS)), maxSequence: window }
}

/** Bytes that a training takes in addition to the model. Rejects with a UserError if they are not free. */
async function checkMemory(model: Model, plan: TrainingPlan): Promise<{ parameters: number; memoryBytes: number }> {
  const { bytes, parameters } = await model.training.size(plan)
  const memoryBytes = bytes + COPIES * 4 * parameters
  const free = availableMemory()
  if (memoryBytes <= free) return { parameters, memoryBytes }
  const lack = `${formatBytes(memoryBytes)} of memory in addition to the model, and ${formatBytes(free)} are free`
  throw new UserError(
    phrase`teaching takes ${lack}; take fewer ${option('layers')} or ${option('experts')}, or a smaller ${option('batch')}`,
  )
}
