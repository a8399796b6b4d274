import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { LoadOptions, Model } from '../api/model.js'
import { UserError } from '../errors.js'
import { DiskFull } from '../files/folders.js'
import { loadModel } from '../library/load-model.js'
import type { PerMixture } from '../model/config.js'
import { packedFileName } from '../packing/format/packed-folder.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import { accountOf, captionOf } from './account.js'
import type { Calibration } from './calibration.js'
import type { Learnt } from './course.js'
import { curveFiles } from './curve-files.js'
import { journalPath, removeJournal } from './journal.js'
import { closeGates, train } from './learn.js'
import { PHASES, PhaseClock } from './phase-clock.js'
import { type Prepared, withPrepared } from './prepare.js'
import { compareTexts, readLessons, type TaughtText, type WorseText, worsened } from './taught-texts.js'
import type { Ending, TeachingPlan, TeachingPoint } from './teach-events.js'
import { checkTeachOptions, type TeachOptions } from './teach-options.js'
import { newIds, writeTaught } from './write-taught.js'

export interface Taught {
  /** The packed file. */
  path: string
  plan: TeachingPlan
  /** Per mixture and layer, the ids of the newcomers: they follow the experts that were there. */
  newcomers: PerMixture<number[][]>
  ending: Ending
  /** The step whose state was written. */
  bestStep: number
  curve: TeachingPoint[]
  /** How the gates of the newcomers were closed, to keep what is to be kept. */
  calibration: Calibration
  texts: TaughtText[]
  /** The same of what the model wrote itself, and of the texts that were to be kept. */
  keep: TaughtText[]
  /** Those of both that the taught model predicts worse than is accepted, measured on what was written. */
  worse: WorseText[]
  /** Bytes of packed weights. */
  bytes: BeforeAndAfter
  /** Seconds that writing what is rehearsed, training and calibration took in this run. */
  seconds: { rehearsal: number; training: number; calibration: number }
}

/**
 * Teaches a model texts: new experts are added to layers of it and trained, they and their rows of the routers alone, while
 * everything else stays as it is, bit for bit. Then their gates are closed until what is to be kept is predicted as well as
 * before, within `forget`. Writes a packed model into `out`, with the curves of training and calibration in it as CSV and
 * SVG. Rejects with a UserError if the texts are too short, if there is no room, or if nothing was learnt.
 *
 * @example
 * const taught = await teach('nano', { out: './nano-recipes', texts: [await readText('recipes.txt')] })
 * taught.texts[0].perplexity     // { before: 512, after: 61 }
 */
export async function teach(name: string, options: TeachOptions): Promise<Taught> {
  checkTeachOptions(options)
  const clock = new PhaseClock(options.onEvent)
  try {
    return await withPrepared(name, options, clock, (prepared) => trainAndWrite(prepared, options, clock))
  } catch (error) {
    if (!(error instanceof DiskFull) || !(await isFile(journalPath(options.out)))) throw error
    throw new UserError(`${error.path}: the disk is full; make room and teach with \`resume\``, { cause: error })
  }
}

async function trainAndWrite(prepared: Prepared, options: TeachOptions, clock: PhaseClock): Promise<Taught> {
  const learnt = await train(prepared, options, clock)
  // A signal aborts once: if that has ended the training, what it learnt is written all the same.
  const signal = options.signal?.aborted ? undefined : options.signal
  try {
    return await write(prepared, learnt, { ...options, signal }, clock)
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error
    throw new UserError('interrupted; the training is kept: teach with `resume` to go on', { cause: error })
  }
}

async function write(prepared: Prepared, learnt: Learnt, options: TeachOptions, clock: PhaseClock): Promise<Taught> {
  const { own, packed, course, plan } = prepared
  const { settings } = course
  const { threads, out, signal } = options
  const { newcomers, calibration } = await closeGates(prepared, learnt, options, clock)
  clock.begin('measuring the model as it was')
  const before = await readLessons(own, course, packed.config, signal)
  const { bytes } = own.info
  await own.dispose()
  clock.begin('writing')
  const account = accountOf(prepared, learnt, calibration)
  const files = curveFiles(learnt.curve, calibration, captionOf(prepared, learnt, calibration))
  await writeTaught(packed, out, { settings, newcomers, bias: calibration.bias, account, files })
  const path = resolve(out, packedFileName(packed.file.metadata.quant))
  clock.begin('measuring the taught model')
  const { after, size } = await withLoaded(path, { threads, signal }, async (taught) => ({
    after: await readLessons(taught, course, packed.config, signal),
    size: taught.info.bytes,
  }))
  clock.end()
  // An interrupted training may be resumed.
  if (learnt.ending !== 'interrupted') await removeJournal(journalPath(out))
  const [texts, keep] = [course.lessons, course.keep].map((lessons) => compareTexts(lessons, before, after))
  return {
    path,
    plan,
    newcomers: newIds(packed.config, settings),
    ending: learnt.ending,
    bestStep: learnt.bestStep,
    curve: learnt.curve,
    calibration,
    texts,
    keep,
    worse: worsened(course, texts, keep),
    bytes: { before: bytes, after: size },
    seconds: {
      rehearsal: clock.seconds(PHASES.rehearsal),
      training: clock.seconds(PHASES.training),
      calibration: clock.seconds(PHASES.calibration),
    },
  }
}

async function withLoaded<T>(name: string, options: LoadOptions, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await loadModel(name, options)
  try {
    return await use(model)
  } finally {
    await model.dispose()
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
