import { UserError } from '../../ground/errors.js'
import { formatPercent } from '../../ground/numbers.js'
import { withPacker } from '../../library/packing/with-packer.js'
import { type Calibration, type CalibrationPoint, calibrate, hasLearnt } from './gate-bias.js'
import { tensorsOf } from './initial-weights.js'
import { journalPath, removeJournal } from './journal.js'
import { type PackedExpert, packExperts } from './packed-experts.js'
import { PHASES, type PhaseClock } from './phase-clock.js'
import type { Prepared } from './prepare.js'
import type { TeachOptions } from './teach-options.js'
import type { TrainingOutcome } from './training-run.js'

/**
 * Packs the new experts and closes their gates as far as the retained texts require. Rejects with a UserError if
 * nothing is learnt with such gates; the journal stays if another run can do better.
 */
export async function calibrateGates(
  { model, packed, setup }: Prepared,
  outcome: TrainingOutcome,
  { out, threads, onEvent, signal }: TeachOptions,
  clock: PhaseClock,
): Promise<{ newExperts: PackedExpert[]; calibration: Calibration }> {
  const { forget } = setup.settings
  if (outcome.bestStep > 0) {
    clock.begin(PHASES.calibration)
    const { tensors } = tensorsOf(model, setup.plan)
    const { newExperts, rounded } = await withPacker(threads ?? model.threads, (pack) =>
      packExperts(packed.layout, tensors, outcome.weights, pack),
    )
    await model.training.begin(setup.plan, rounded)
    const onPoint = (point: CalibrationPoint) => onEvent?.({ kind: 'calibration', point })
    const calibration = await calibrate(model, setup, { forget, onPoint, signal })
    if (hasLearnt(calibration, calibration.bias)) return { newExperts, calibration }
    if (hasLearnt(calibration, 0)) {
      throw new UserError(
        `no bias of the gates keeps what was learnt and the perplexity of retained texts within ${formatPercent(forget)}; ` +
          'teach with `resume` and a higher `forget`',
      )
    }
  }
  if (outcome.stopReason === 'interrupted') {
    throw new UserError(
      `interrupted at step ${outcome.curve.at(-1)?.step}, before anything worth writing was learnt; ` +
        'teach with `resume` to continue',
    )
  }
  await removeJournal(journalPath(out))
  const why =
    outcome.stopReason === 'not-a-number'
      ? 'the loss is not a number any more'
      : 'no step predicted the held-out text better than the original model'
  throw new UserError(`nothing was learnt: ${why}; take a lower \`learningRate\`, or more text`)
}
