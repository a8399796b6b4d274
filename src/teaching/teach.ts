import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { UserError } from '../errors.js'
import { DiskFull } from '../files/folders.js'
import type { LoadOptions, Model } from '../generation/types.js'
import { diskNeeds } from '../hub/plan.js'
import { withPacker } from '../library/convert-model.js'
import { loadModel } from '../library/load-model.js'
import { type FoundModel, resolveModel } from '../library/resolve-model.js'
import { mixtureOf, type PerMixture } from '../model/config.js'
import { formatBytes, formatPercent } from '../numbers.js'
import { packedFileName } from '../packing/packed-folder.js'
import type { PackedModel } from '../surgery/packed-model.js'
import { withPackedModel } from '../surgery/with-packed.js'
import { type Calibration, calibrate, hasLearnt } from './calibration.js'
import { type Course, type Learnt, takeCourse } from './course.js'
import { curveFiles } from './curve-files.js'
import {
  fingerprint,
  type Journal,
  journalPath,
  type OwnWriting,
  readJournal,
  removeJournal,
  writeJournal,
} from './journal.js'
import type { Lesson } from './lessons.js'
import { type Newcomers, type Predicted, readHeldOut } from './measure.js'
import { tensorsOf } from './newcomers.js'
import { checkTeachable, layOut, type Outline, readSource } from './outline.js'
import { PhaseClock } from './phase-clock.js'
import type { CurvePoint, Ending, TeachingPlan } from './teach-events.js'
import { checkTeachOptions, type Settings, settingsOf, type TeachOptions } from './teach-options.js'
import { newIds, writeTaught } from './write-taught.js'

/** How the held-out part of a text is predicted, before and after. */
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

export interface Taught {
  /** The packed file. */
  path: string
  plan: TeachingPlan
  /** Per mixture and layer, the ids of the newcomers: they follow the experts that were there. */
  newcomers: PerMixture<number[][]>
  ending: Ending
  /** The step whose state was written. */
  bestStep: number
  curve: CurvePoint[]
  /** How the gates of the newcomers were closed, to keep what is to be kept. */
  calibration: Calibration
  texts: TaughtText[]
  /** The same of what the model wrote itself, and of the texts that were to be kept. */
  keep: TaughtText[]
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
    return await withCourse(name, options, clock, (prepared) => learnAndWrite(prepared, options, clock))
  } catch (error) {
    if (!(error instanceof DiskFull) || !(await isFile(journalPath(options.out)))) throw error
    throw new UserError(`${error.path}: the disk is full; make room and teach with \`resume\``, { cause: error })
  }
}

async function learnAndWrite(prepared: Prepared, options: TeachOptions, clock: PhaseClock): Promise<Taught> {
  const { own, settings, packed, learn, course, plan } = prepared
  const { threads, out } = options
  const { learnt, calibration } = await learn()
  clock.begin('measuring the model as it was')
  const before = await readLessons(own, prepared)
  const { bytes } = own.info
  const { tensors } = tensorsOf(own, course.plan)
  await own.dispose()
  clock.begin('writing')
  const account = accountOf(prepared, learnt, calibration)
  const files = curveFiles(learnt.curve, calibration, captionOf(prepared, learnt, calibration))
  const { weights } = learnt
  const { bias } = calibration
  await withPacker(threads ?? own.threads, (pack) =>
    writeTaught(packed, out, { settings, tensors, weights, bias, pack, account, files }),
  )
  const path = resolve(out, packedFileName(packed.file.metadata.quant))
  clock.begin('measuring the taught model')
  const { after, size } = await withLoaded(path, { threads }, async (taught) => ({
    after: await readLessons(taught, prepared),
    size: taught.info.bytes,
  }))
  clock.end()
  // An interrupted training may be resumed.
  if (learnt.ending !== 'interrupted') await removeJournal(journalPath(out))
  const compare = (lessons: readonly Lesson[]) =>
    lessons.map((lesson) => comparedText(lesson, before.get(lesson), after.get(lesson)))
  return {
    path,
    plan,
    newcomers: newIds(packed.config, settings),
    ending: learnt.ending,
    bestStep: learnt.bestStep,
    curve: learnt.curve,
    calibration,
    texts: compare(course.lessons),
    keep: compare(course.keep),
    bytes: { before: bytes, after: size },
    seconds: {
      rehearsal: clock.seconds(REHEARSAL),
      training: clock.seconds(TRAINING),
      calibration: clock.seconds(CALIBRATION),
    },
  }
}

const REHEARSAL = 'letting the model write what it is to keep'
const TRAINING = 'teaching'
const CALIBRATION = 'closing the gates as far as what is to be kept wants'

interface Prepared extends Outline {
  packed: PackedModel
  own: Model
  settings: Settings
  learn(): Promise<{ learnt: Learnt; calibration: Calibration }>
}

/** Opens the model as a packed one, with the journal of a training that is resumed. */
async function withCourse<T>(
  name: string,
  options: TeachOptions,
  clock: PhaseClock,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const { out, texts, keepTexts, threads, signal, onEvent } = options
  // Before a checkpoint is packed for nothing.
  const { config } = await resolveModel(name, options.quant)
  checkTeachable(name, config)
  settingsOf(options, config)
  clock.begin('opening the model')
  return withPackedModel(name, out, options, async (packed, found: FoundModel) => {
    const own = await loadModel(found.path, { threads, signal })
    try {
      clock.begin('reading the texts')
      const source = await readSource(own, options)
      const { settings } = source
      const { forget: _, ...decisive } = settings
      const key = fingerprint(
        { ...decisive, model: [...packed.file.parts].map(([part, { sha256 }]) => [part, sha256]) },
        [...texts, ...(keepTexts ?? [])].map(({ text }) => text),
      )
      const path = journalPath(out)
      const journal = options.resume ? await readJournal(path, key) : undefined
      if (!journal) clock.begin(REHEARSAL)
      const outline = await layOut(own, source, options, journal)
      await checkDisk(out, packed, outline.plan.parameters)
      const { course, written, first } = outline
      const ownTexts = written.map(plainOf)
      const learn = async () => {
        clock.begin(TRAINING)
        const from: Float32Array | Journal = journal ?? (await first())
        const save = (state: Omit<Journal, 'own'>) => writeJournal(path, key, { ...state, own: ownTexts })
        const learnt = await takeCourse(own, course, { from, save, onEvent, signal })
        const isEmpty = learnt.bestStep === 0
        const calibration = isEmpty ? undefined : await calibrateCourse(own, course, learnt, options, clock)
        if (calibration && hasLearnt(calibration, calibration.bias)) return { learnt, calibration }
        if (calibration && hasLearnt(calibration, 0)) throw notWithin(settings)
        await removeJournal(path)
        throw nothingLearnt(learnt)
      }
      return await use({ ...outline, packed, own, settings, learn })
    } finally {
      await own.dispose()
    }
  })
}

async function calibrateCourse(
  own: Model,
  course: Course,
  { weights }: Learnt,
  { onEvent }: TeachOptions,
  clock: PhaseClock,
): Promise<Calibration> {
  clock.begin(CALIBRATION)
  await own.training.begin(course.plan, weights)
  const { forget } = course.settings
  return calibrate(own, course, { forget, onPoint: (point) => onEvent?.({ kind: 'calibration', point }) })
}

function nothingLearnt({ ending }: Learnt): UserError {
  const why =
    ending === 'not-a-number'
      ? 'the loss is not a number any more'
      : 'no step predicted the held-out text better than the model as it was'
  return new UserError(`nothing was learnt: ${why}; take a lower \`learningRate\`, or more text`)
}

function notWithin({ forget }: Settings): UserError {
  return new UserError(
    `nothing of what was learnt keeps the perplexity of what was known within ${formatPercent(forget)}; ` +
      'teach with `resume` and a higher `forget`',
  )
}

/** Rejects with a UserError where the disk has no room for the model and for the journal, which is written twice. */
async function checkDisk(out: string, packed: PackedModel, parameters: number): Promise<void> {
  const journal = 2 * 4 * 4 * parameters
  const bytes = packed.layout.bytes + 4 * parameters + journal
  const [{ folder, free }] = await diskNeeds([{ folder: resolve(out), bytes }])
  if (bytes <= free) return
  throw new UserError(`teaching needs ${formatBytes(bytes)} of disk in ${folder}, and ${formatBytes(free)} are free`)
}

/** Reads all held-out texts. */
async function readLessons(model: Model, { course, settings, packed }: Prepared): Promise<Map<Lesson, Predicted>> {
  const own = mixtureOf(packed.config, settings.kind)?.experts ?? []
  const first = own.map((count, layer) => (settings.layers.includes(layer) ? count : undefined))
  const newcomers: Newcomers = { kind: settings.kind, first }
  const readings = new Map<Lesson, Predicted>()
  for (const lesson of [...course.lessons, ...course.keep]) {
    readings.set(lesson, await readHeldOut(model, lesson, newcomers))
  }
  return readings
}

function comparedText({ name }: Lesson, before?: Predicted, after?: Predicted): TaughtText {
  if (!before || !after) throw new RangeError(`${name} was not read`)
  const { scored, newcomerShare } = after
  const loss = { before: before.loss, after: after.loss }
  return {
    name,
    scored,
    loss,
    perplexity: { before: Math.exp(loss.before), after: Math.exp(loss.after) },
    newcomerShare,
  }
}

/** The packed file's account of a teaching. */
function accountOf(
  { settings, course, plan }: Prepared,
  { bestStep, curve, ending }: Learnt,
  { bias, isWithin, curve: points }: Calibration,
): Record<string, unknown> {
  const best = curve.find(({ step }) => step === bestStep)
  const calibrated = points.find((point) => point.bias === bias)
  return {
    texts: course.lessons.map(({ name }) => name),
    keep: course.keep.map(({ name }) => name),
    kind: settings.kind,
    layers: settings.layers,
    experts: settings.experts,
    parameters: plan.parameters,
    steps: bestStep,
    tokens: best?.tokens ?? 0,
    ending,
    seed: settings.seed,
    gate_bias: bias,
    forget: settings.forget,
    is_within: isWithin,
    held_out_loss: { before: curve[0]?.heldOut, after: calibrated?.heldOut },
  }
}

function captionOf({ settings, course }: Prepared, { bestStep }: Learnt, { bias }: Calibration): string[] {
  const { kind, layers, experts } = settings
  const names = course.lessons.map(({ name }) => name).join(', ')
  return [
    `${experts} new ${kind} ${experts === 1 ? 'expert' : 'experts'} in each of ${layers.length} layers (${layers.join(', ')}); the state of step ${bestStep} was kept, with a gate bias of ${bias}`,
    `texts: ${names.length > 90 ? `${names.slice(0, 89)}…` : names}`,
  ]
}

async function withLoaded<T>(name: string, options: LoadOptions, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await loadModel(name, options)
  try {
    return await use(model)
  } finally {
    await model.dispose()
  }
}

function plainOf({ train, heldOut }: Lesson): OwnWriting {
  const plain = (sequences: readonly Int32Array[]) => sequences.map((ids) => [...ids])
  return { train: plain(train), heldOut: plain(heldOut) }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
