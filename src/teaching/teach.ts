import { resolve } from 'node:path'
import { UserError } from '../errors.js'
import type { LoadOptions, Model } from '../generation/types.js'
import { diskNeeds } from '../hub/plan.js'
import { withPacker } from '../library/convert-model.js'
import { loadModel } from '../library/load-model.js'
import { type FoundModel, resolveModel } from '../library/resolve-model.js'
import { mixtureOf, type PerMixture } from '../model/config.js'
import { formatBytes } from '../numbers.js'
import { packedFileName } from '../packing/packed-folder.js'
import type { PackedModel } from '../surgery/packed-model.js'
import { withPackedModel } from '../surgery/with-packed.js'
import { type Learnt, takeCourse } from './course.js'
import { curveFiles } from './curve-files.js'
import { fingerprint, type Journal, journalPath, readJournal, removeJournal, writeJournal } from './journal.js'
import type { Lesson } from './lessons.js'
import { type Newcomers, type Reading, readSequences } from './measure.js'
import { tensorsOf } from './newcomers.js'
import { checkTeachable, layOut, type Outline } from './outline.js'
import type { CurvePoint, Ending, TeachingPlan } from './teach-events.js'
import { checkTeachOptions, type Settings, settingsOf, type TeachOptions } from './teach-options.js'
import { newIds, writeTaught } from './write-taught.js'

/** How the held-out tenth of a text is predicted, before and after. */
export interface TaughtText {
  name: string
  /** Tokens that were predicted. */
  scored: number
  perplexity: { before: number; after: number }
  /** Part of the choices in the taught layers that fell on newcomers. */
  newcomerShare: number
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
  texts: TaughtText[]
  keep: TaughtText[]
  /** Bytes of packed weights. */
  bytes: { before: number; after: number }
}

/**
 * Teaches a model texts: new experts are added to layers of it and trained, they and their rows of the routers alone, while
 * everything else stays as it is, bit for bit. Writes a packed model into `out`, with the loss curve as teaching.csv and
 * teaching.svg in it. Rejects with a UserError where the texts are too short, or where there is no room.
 *
 * @example
 * const taught = await teach('nano', { out: './nano-recipes', texts: [await readText('recipes.txt')] })
 * taught.texts[0].perplexity     // { before: 512, after: 61 }
 */
export async function teach(name: string, options: TeachOptions): Promise<Taught> {
  checkTeachOptions(options)
  return withCourse(name, options, async (prepared) => {
    const { own, settings, packed, learn } = prepared
    const learnt = await learn()
    const { signal: _, onEvent, threads } = options
    onEvent?.({ kind: 'phase', phase: 'measuring the model as it was' })
    const before = await readLessons(own, prepared)
    const bytes = own.info.bytes
    const { tensors } = tensorsOf(own, prepared.course.plan)
    await own.dispose()
    onEvent?.({ kind: 'phase', phase: 'writing' })
    const account = accountOf(prepared, learnt, options)
    const files = curveFiles(learnt.curve, captionOf(prepared, learnt))
    await withPacker(threads ?? own.threads, (pack) =>
      writeTaught(packed, options.out, { settings, tensors, weights: learnt.weights, pack, account, files }),
    )
    const path = resolve(options.out, packedFileName(packed.file.metadata.quant))
    onEvent?.({ kind: 'phase', phase: 'measuring the taught model' })
    const { after, size } = await withLoaded(path, { threads }, async (taught) => ({
      after: await readLessons(taught, prepared),
      size: taught.info.bytes,
    }))
    // An interrupted training may be gone on with.
    if (learnt.ending !== 'interrupted') await removeJournal(journalPath(options.out))
    const compare = (lessons: readonly Lesson[]) =>
      lessons.map((lesson) => comparedText(lesson, before.get(lesson), after.get(lesson)))
    return {
      path,
      plan: prepared.plan,
      newcomers: newIds(packed.config, settings),
      ending: learnt.ending,
      bestStep: learnt.bestStep,
      curve: learnt.curve,
      texts: compare(prepared.course.lessons),
      keep: compare(prepared.keep),
      bytes: { before: bytes, after: size },
    }
  })
}

interface Prepared extends Outline {
  packed: PackedModel
  own: Model
  settings: Settings
  learn(): Promise<Learnt>
}

/** Opens the model as a packed one, with the journal of a training that goes on. */
async function withCourse<T>(name: string, options: TeachOptions, use: (prepared: Prepared) => Promise<T>): Promise<T> {
  const { out, texts, keepTexts, threads, signal, onEvent } = options
  const phase = (phase: string) => onEvent?.({ kind: 'phase', phase })
  // Before a checkpoint is packed for nothing.
  const { config } = await resolveModel(name, options.quant)
  checkTeachable(name, config)
  settingsOf(options, config)
  phase('opening the model')
  return withPackedModel(name, out, options, async (packed, found: FoundModel) => {
    const settings = settingsOf(options, packed.config)
    const own = await loadModel(found.path, { threads, signal })
    try {
      const key = fingerprint(
        { ...settings, model: [...packed.file.parts].map(([part, { sha256 }]) => [part, sha256]) },
        [...texts, ...(keepTexts ?? [])].map(({ text }) => text),
      )
      const path = journalPath(out)
      const journal = options.resume ? await readJournal(path, key) : undefined
      const outline = await layOut(own, settings, options, journal)
      await checkDisk(out, packed, outline.plan.parameters)
      const { course, keep, first } = outline
      const ownTexts = keepTexts ? undefined : { train: plainOf(keep[0].train), heldOut: plainOf(keep[0].heldOut) }
      const learn = async () => {
        const from: Float32Array | Journal = journal ?? (await first())
        phase('teaching')
        const save = (state: Journal) => writeJournal(path, key, { ...state, ownWriting: ownTexts })
        const learnt = await takeCourse(own, course, { from, save, onEvent, signal })
        if (learnt.ending === 'not-a-number' && learnt.bestStep === 0) {
          await removeJournal(path)
          throw new UserError(
            'the loss is not a number any more, and nothing was learnt before; take a lower `learningRate`',
          )
        }
        return learnt
      }
      return await use({ ...outline, packed, own, settings, learn })
    } finally {
      await own.dispose()
    }
  })
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
async function readLessons(model: Model, { course, keep, settings, packed }: Prepared): Promise<Map<Lesson, Reading>> {
  const own = mixtureOf(packed.config, settings.kind)?.experts ?? []
  const first = own.map((count, layer) => (settings.layers.includes(layer) ? count : undefined))
  const newcomers: Newcomers = { kind: settings.kind, first }
  const readings = new Map<Lesson, Reading>()
  for (const lesson of [...course.lessons, ...keep]) {
    readings.set(lesson, await readSequences(model, lesson.heldOut, newcomers))
  }
  return readings
}

function comparedText({ name }: Lesson, before?: Reading, after?: Reading): TaughtText {
  if (!before || !after) throw new RangeError(`${name} was not read`)
  const { scored, newcomerShare } = after
  return { name, scored, perplexity: { before: before.perplexity, after: after.perplexity }, newcomerShare }
}

/** What the packed file tells of a teaching. */
function accountOf(
  { settings, course, plan }: Prepared,
  { bestStep, curve, ending }: Learnt,
  { seed = 0 }: TeachOptions,
): Record<string, unknown> {
  const best = curve.find(({ step }) => step === bestStep)
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
    seed,
    held_out_loss: { before: curve[0]?.heldOut, after: best?.heldOut },
  }
}

function captionOf({ settings, course }: Prepared, { bestStep }: Learnt): string[] {
  const { kind, layers, experts } = settings
  const names = course.lessons.map(({ name }) => name).join(', ')
  return [
    `${experts} new ${kind} ${experts === 1 ? 'expert' : 'experts'} in each of ${layers.length} layers (${layers.join(', ')}); the state of step ${bestStep} was kept`,
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

function plainOf(sequences: readonly Int32Array[]): number[][] {
  return sequences.map((ids) => [...ids])
}
