import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { DiskFull } from '../../ground/files/folders.js'
import { option, phrase } from '../../ground/message.js'
import { loadModel } from '../../library/load-model.js'
import type { PerMixture } from '../../model/config/config.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { useModel } from '../evaluation/reading.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import { calibrateGates } from './calibrate-gates.js'
import type { Calibration } from './gate-bias.js'
import { journalPath, removeJournal, writeJournal } from './journal.js'
import { PHASES, PhaseClock } from './phase-clock.js'
import { type Prepared, withPrepared } from './prepare.js'
import { accountOf, curveFiles } from './records.js'
import type { StopReason, TeachingPlan, TeachingPoint } from './teach-events.js'
import { checkTeachOptions, type TeachOptions } from './teach-options.js'
import {
  compareTexts,
  findRegressions,
  measureDatasets,
  type TextComparison,
  type TextRegression,
} from './text-comparison.js'
import { runTraining, type TrainingOutcome } from './training-run.js'
import { beginningsOf, type Trial, tryModel } from './trial.js'
import { newExpertIds, writeTaughtModel } from './write-taught-model.js'

export interface TeachResult {
  path: string
  plan: TeachingPlan
  /** Ids of the new experts by mixture and layer; they follow the layer's other experts. */
  newExperts: PerMixture<number[][]>
  stopReason: StopReason
  /** Step whose state was written. */
  bestStep: number
  curve: TeachingPoint[]
  calibration: Calibration
  /** Answer of the model as written when it is asked for the texts. */
  trial: Trial
  texts: TextComparison[]
  /** The model's own writing and the retained texts, before and after. */
  retained: TextComparison[]
  /** Texts of both kinds that the taught model, as written, predicts worse than accepted. */
  regressions: TextRegression[]
  bytes: BeforeAndAfter
  /** Seconds that each phase took in this run: writing replay text, training, calibration. */
  seconds: { replay: number; training: number; calibration: number }
}

/**
 * Teaches texts to a model: adds new experts to its layers and trains them and their router rows; the rest of the model
 * stays the same, bit for bit. Then it closes the gates of the new experts until retained text is predicted as well as
 * before, within `forget`. Writes a packed model into `out`, with the curves of training and calibration as CSV and
 * SVG. Rejects with a UserError if the texts are too short, if there is not enough memory or disk, or if nothing was
 * learnt.
 *
 * @example
 * const taught = await teach('nano', { out: './nano-recipes', texts: [await readText('recipes.txt')] })
 * taught.texts[0].perplexity     // { before: 512, after: 61 }
 */
export async function teach(name: string, options: TeachOptions): Promise<TeachResult> {
  checkTeachOptions(options)
  const clock = new PhaseClock(options.onEvent)
  try {
    return await withPrepared(name, options, clock, (prepared) => trainAndWrite(prepared, options, clock))
  } catch (error) {
    if (!(error instanceof DiskFull)) throw error
    const journal = await stat(journalPath(options.out)).catch(() => undefined)
    if (!journal?.isFile()) throw error
    throw new UserError(phrase`${error.path}: the disk is full; make room and teach with ${option('resume')}`, {
      cause: error,
    })
  }
}

async function trainAndWrite(prepared: Prepared, options: TeachOptions, clock: PhaseClock): Promise<TeachResult> {
  const { model, setup, replay, initialWeights, journal, key } = prepared
  const { out, onEvent } = options
  clock.begin(PHASES.training)
  // An abort ends the training with the best state so far.
  const outcome = await runTraining(model, setup, {
    from: journal ?? (await initialWeights()),
    save: (state) => writeJournal(journalPath(out), key, { ...state, replay }),
    onEvent,
    signal: options.signal,
  })
  // A signal that has ended the training must not stop the writing of its result.
  const signal = options.signal?.aborted ? undefined : options.signal
  try {
    return await write(prepared, outcome, { ...options, signal }, clock)
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error
    throw new UserError(phrase`interrupted; the training is kept: teach with ${option('resume')} to continue`, {
      cause: error,
    })
  }
}

async function write(
  prepared: Prepared,
  outcome: TrainingOutcome,
  options: TeachOptions,
  clock: PhaseClock,
): Promise<TeachResult> {
  const { model, packed, setup, plan } = prepared
  const { settings } = setup
  const { threads, out, signal } = options
  const { newExperts, choices, ...measured } = await calibrateGates(prepared, outcome, options, clock)
  clock.begin('measuring the original model')
  const before = await measureDatasets(model, setup, packed.config, signal)
  const { bytes } = model.info
  await model.dispose()
  const path = resolve(out, packedFileName(packed.file.metadata.quant))
  const beginnings = beginningsOf(options.texts)
  const writeWith = async (calibration: Calibration) => {
    clock.begin('writing')
    const account = accountOf(prepared, outcome, calibration, beginnings)
    const files = curveFiles(outcome.curve, calibration, account)
    await writeTaughtModel(packed, out, { settings, newExperts, bias: calibration.bias, account, files })
    return useModel(await loadModel(path, { threads, signal }), async (taught) => {
      clock.begin('trying the taught model')
      const trial = await tryModel(taught, account, signal)
      if (!trial.isUsable && calibration.forget !== choices.at(-1)?.forget) return undefined
      clock.begin('measuring the taught model')
      const after = await measureDatasets(taught, setup, packed.config, signal)
      return { calibration, trial, after, size: taught.info.bytes }
    })
  }
  let written: Awaited<ReturnType<typeof writeWith>>
  for (const choice of choices) written ??= await writeWith({ ...measured, ...choice })
  if (!written) throw new RangeError('no choice of gates was written')
  const { calibration, trial, after, size } = written
  clock.end()
  // An interrupted training may be resumed.
  if (outcome.stopReason !== 'interrupted') await removeJournal(journalPath(out))
  const [texts, retained] = [setup.datasets, setup.retained].map((datasets) => compareTexts(datasets, before, after))
  return {
    path,
    plan,
    newExperts: newExpertIds(packed.config, settings),
    stopReason: outcome.stopReason,
    bestStep: outcome.bestStep,
    curve: outcome.curve,
    calibration,
    trial,
    texts,
    retained,
    regressions: findRegressions(setup, calibration.forget, texts, retained),
    bytes: { before: bytes, after: size },
    seconds: {
      replay: clock.seconds(PHASES.replay),
      training: clock.seconds(PHASES.training),
      calibration: clock.seconds(PHASES.calibration),
    },
  }
}
