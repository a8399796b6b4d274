import { UserError } from '../errors.js'
import { formatPercent } from '../numbers.js'
import { type Calibration, calibrate, hasLearnt } from './calibration.js'
import { type Learnt, takeCourse } from './course.js'
import { journalPath, removeJournal, writeJournal } from './journal.js'
import { PHASES, type PhaseClock } from './phase-clock.js'
import type { Prepared } from './prepare.js'
import type { Settings, TeachOptions } from './teach-options.js'

/** Trains the newcomers, and calibrates their gates. Rejects with a UserError if nothing of what was learnt is left then. */
export async function learn(
  prepared: Prepared,
  options: TeachOptions,
  clock: PhaseClock,
): Promise<{ learnt: Learnt; calibration: Calibration }> {
  const { own, course, written, first, journal, key } = prepared
  const { out, onEvent, signal } = options
  const path = journalPath(out)
  clock.begin(PHASES.training)
  const learnt = await takeCourse(own, course, {
    from: journal ?? (await first()),
    save: (state) => writeJournal(path, key, { ...state, own: written }),
    onEvent,
    signal,
  })
  const isEmpty = learnt.bestStep === 0
  const calibration = isEmpty ? undefined : await calibrateNewcomers(prepared, learnt, options, clock)
  if (calibration && hasLearnt(calibration, calibration.bias)) return { learnt, calibration }
  if (calibration && hasLearnt(calibration, 0)) throw notWithin(course.settings)
  await removeJournal(path)
  throw nothingLearnt(learnt)
}

async function calibrateNewcomers(
  { own, course }: Prepared,
  { weights }: Learnt,
  { onEvent }: TeachOptions,
  clock: PhaseClock,
): Promise<Calibration> {
  clock.begin(PHASES.calibration)
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
