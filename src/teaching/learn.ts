import { UserError } from '../errors.js'
import { withPacker } from '../library/convert-model.js'
import { formatPercent } from '../numbers.js'
import { type Calibration, type CalibrationPoint, calibrate, hasLearnt } from './calibration.js'
import { type Learnt, takeCourse } from './course.js'
import { journalPath, removeJournal, writeJournal } from './journal.js'
import { tensorsOf } from './newcomers.js'
import { type PackedNewcomer, packNewcomers } from './packed-newcomers.js'
import { PHASES, type PhaseClock } from './phase-clock.js'
import type { Prepared } from './prepare.js'
import type { Settings, TeachOptions } from './teach-options.js'

/** Trains the newcomers, and leaves a journal of that. An abort ends the training with what it has learnt so far. */
export async function train(prepared: Prepared, options: TeachOptions, clock: PhaseClock): Promise<Learnt> {
  const { own, course, written, first, journal, key } = prepared
  const { out, onEvent, signal } = options
  clock.begin(PHASES.training)
  return takeCourse(own, course, {
    from: journal ?? (await first()),
    save: (state) => writeJournal(journalPath(out), key, { ...state, own: written }),
    onEvent,
    signal,
  })
}

/** What is written of a training. */
export interface Outcome {
  newcomers: PackedNewcomer[]
  calibration: Calibration
}

/**
 * Packs the newcomers, and closes their gates as far as what is to be kept wants. Rejects with a UserError if nothing of what
 * was learnt is left then; the journal stays if another run can make more of it.
 */
export async function closeGates(
  { own, packed, course }: Prepared,
  learnt: Learnt,
  { out, threads, onEvent, signal }: TeachOptions,
  clock: PhaseClock,
): Promise<Outcome> {
  const { forget } = course.settings
  if (learnt.bestStep > 0) {
    clock.begin(PHASES.calibration)
    const { tensors } = tensorsOf(own, course.plan)
    const { newcomers, rounded } = await withPacker(threads ?? own.threads, (pack) =>
      packNewcomers(packed.layout, tensors, learnt.weights, pack),
    )
    await own.training.begin(course.plan, rounded)
    const onPoint = (point: CalibrationPoint) => onEvent?.({ kind: 'calibration', point })
    const calibration = await calibrate(own, course, { forget, onPoint, signal })
    if (hasLearnt(calibration, calibration.bias)) return { newcomers, calibration }
    if (hasLearnt(calibration, 0)) throw notWithin(course.settings)
  }
  if (learnt.ending === 'interrupted') throw tooEarly(learnt)
  await removeJournal(journalPath(out))
  throw nothingLearnt(learnt)
}

function tooEarly({ curve }: Learnt): UserError {
  return new UserError(
    `interrupted at step ${curve.at(-1)?.step}, before anything was learnt that is worth writing; ` +
      'teach with `resume` to go on',
  )
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
