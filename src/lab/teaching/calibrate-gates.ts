import { matrixWeights } from '../../engine/training/expert-weights.js'
import type { TrainedTensor } from '../../engine/training/plan.js'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { formatPercent } from '../../ground/numbers.js'
import { withPacker } from '../../library/packing/with-packer.js'
import type { Layout, Part } from '../../model/packing/format/layout.js'
import type { PackMatrix } from '../../model/packing/write/pack.js'
import {
  type Calibration,
  type CalibrationPoint,
  calibrate,
  choiceAt,
  choicesToTry,
  FORGETS,
  type GateChoice,
  hasLearnt,
} from './gate-bias.js'
import { tensorsOf } from './initial-weights.js'
import { journalPath, removeJournal } from './journal.js'
import { PHASES, type PhaseClock } from './phase-clock.js'
import type { Prepared } from './prepare.js'
import type { TeachOptions } from './teach-options.js'
import type { TrainingOutcome } from './training-run.js'

export interface PackedExpert {
  layer: number
  expert: number
  /** Its part of the packed file. */
  bytes: Uint8Array
  /** Its router row, which is not rounded. */
  router: Float32Array
}

export interface CalibratedGates extends Pick<Calibration, 'heldOutLossBefore' | 'curve'> {
  newExperts: PackedExpert[]
  /** Choices to try, the first that is usable being written: of `forget`, or of its usual values, the least first. */
  choices: GateChoice[]
}

/**
 * Packs the new experts and measures how far their gates must be closed for the retained texts. Rejects with a
 * UserError if nothing is learnt with such gates; the journal stays if another run can do better.
 */
export async function calibrateGates(
  { model, packed, setup }: Prepared,
  outcome: TrainingOutcome,
  { out, threads, onEvent, signal }: TeachOptions,
  clock: PhaseClock,
): Promise<CalibratedGates> {
  const { forget } = setup.settings
  if (outcome.bestStep > 0) {
    clock.begin(PHASES.calibration)
    const { tensors } = tensorsOf(model, setup.plan)
    const { newExperts, rounded } = await withPacker(threads ?? model.threads, (pack) =>
      packExperts(packed.layout, tensors, outcome.weights, pack),
    )
    await model.training.begin(setup.plan, rounded)
    const onPoint = (point: CalibrationPoint) => onEvent?.({ kind: 'calibration', point })
    const forgets = [...FORGETS, ...(forget === undefined ? [] : [forget])]
    const calibration = await calibrate(model, setup, forgets, { onPoint, signal })
    const { curve, heldOutLossBefore: before } = calibration
    const all = forget === undefined ? choicesToTry(curve, before) : [choiceAt(curve, forget)]
    const choices = all.filter((choice) => hasLearnt(choice, before))
    if (choices.length > 0) return { ...calibration, newExperts, choices }
    if (hasLearnt(curve[0], before)) {
      throw new UserError(
        phrase`no bias of the gates keeps what was learnt and the perplexity of retained texts within ${formatPercent(all[0].forget)}; teach with ${option('resume')} and a higher ${option('forget')}`,
      )
    }
  }
  if (outcome.stopReason === 'interrupted') {
    const step = outcome.curve.at(-1)?.step ?? 0
    throw new UserError(
      phrase`interrupted at step ${step}, before anything worth writing was learnt; teach with ${option('resume')} to continue`,
    )
  }
  await removeJournal(journalPath(out))
  const why =
    outcome.stopReason === 'not-a-number'
      ? 'the loss is not a number any more'
      : 'no step predicted the held-out text better than the original model'
  throw new UserError(phrase`nothing was learnt: ${why}; take a lower ${option('learningRate')}, or more text`)
}

/**
 * Packs new experts in the format of their layers' other experts. `rounded` are all trained floats with the values of
 * the packed file, in the order of the tensors. A measurement with them holds for the packed model, except that a
 * training does not round activations.
 */
async function packExperts(
  layout: Layout,
  tensors: readonly TrainedTensor[],
  weights: Float32Array,
  pack: PackMatrix,
): Promise<{ newExperts: PackedExpert[]; rounded: Float32Array }> {
  const rounded = weights.slice()
  const newExperts: PackedExpert[] = []
  for (const { layer, kind, expert, offset, cols } of tensors.filter(({ piece }) => piece === 'router')) {
    const [like] = layout.experts(layer, kind)
    const mine = tensors.filter((one) => one.layer === layer && one.expert === expert)
    const bytes = await packedExpert(like, mine, weights, pack)
    for (const { name, offset: at, ...piece } of like.pieces) {
      rounded.set(matrixWeights(bytes, at, piece), tensorOf(mine, name).offset)
    }
    newExperts.push({ layer, expert, bytes, router: weights.slice(offset, offset + cols) })
  }
  return { newExperts, rounded }
}

/** Packs the matrices of an expert, given as floats, into its part. */
async function packedExpert(
  like: Part,
  mine: readonly TrainedTensor[],
  weights: Float32Array,
  pack: PackMatrix,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(like.bytes)
  for (const { name, offset: at, kind, format, rows, cols } of like.pieces) {
    const { offset } = tensorOf(mine, name)
    const floats = new Uint8Array(weights.slice(offset, offset + rows * cols).buffer)
    const request = { dtype: 'F32', firstElement: 0, rows, cols, rowStride: cols, colStride: 1, kind, format } as const
    bytes.set((await pack({ bytes: floats, ...request })).bytes, at)
  }
  return bytes
}

function tensorOf(mine: readonly TrainedTensor[], piece: string): TrainedTensor {
  const tensor = mine.find((one) => one.piece === piece)
  if (!tensor) throw new RangeError(`no trained ${piece} of a new expert`)
  return tensor
}
