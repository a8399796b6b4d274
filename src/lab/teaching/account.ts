import { UserError } from '../../ground/errors.js'
import { fields, isCount, isNumber, isText, listOf, oneOf, whole } from '../../ground/json/forms.js'
import { MIXTURE_KINDS, type MixtureKind } from '../../model/config/config.js'
import type { BeforeAndAfter } from '../surgery/prune.js'
import type { Calibration, GatePoint } from './gate-bias.js'
import type { RunPlan } from './run-plan.js'
import type { TrainingOutcome } from './training-run.js'

/** What the packed file says of a teaching (docs/FORMAT.md), as far as choosing the gates again needs it. */
export interface TeachingAccount {
  texts: string[]
  kind: MixtureKind
  layers: number[]
  experts: number
  steps: number
  gate_bias: number
  held_out_loss: BeforeAndAfter
  /** Bias, held-out loss, share of new experts and cost of each measured point, in falling order of the bias. */
  gates: number[][]
  /** First words of lines of the texts, with which the model is tried. */
  beginnings: string[]
}

const isAccount = fields<TeachingAccount>({
  texts: listOf(isText),
  kind: oneOf(MIXTURE_KINDS),
  layers: listOf(isCount),
  experts: whole(1),
  steps: isCount,
  gate_bias: isNumber,
  held_out_loss: fields({ before: isNumber, after: isNumber }),
  gates: listOf(listOf(isNumber, { least: 4, most: 4 }), { least: 1 }),
  beginnings: listOf(isText, { least: 1 }),
})

/** The account of a model's last teaching. Throws a UserError if it has none whose gates can be chosen again. */
export function lastAccount(name: string, accounts: readonly unknown[] = []): TeachingAccount {
  const last = accounts.at(-1)
  if (isAccount(last)) return last
  throw new UserError(
    `${name}: there are no gates to choose: only a model as \`molm teach\` of this version wrote it has them`,
  )
}

export function gatesOf({ gates }: TeachingAccount): GatePoint[] {
  return gates.map(([bias, heldOutLoss, newExpertShare, cost]) => ({ bias, heldOutLoss, newExpertShare, cost }))
}

export function accountOf(
  { setup, plan }: RunPlan,
  { bestStep, curve, stopReason }: TrainingOutcome,
  { bias, forget, isWithinLimit, heldOutLossBefore, heldOutLoss, curve: points }: Calibration,
  beginnings: string[],
): TeachingAccount & Record<string, unknown> {
  const { settings } = setup
  const best = curve.find(({ step }) => step === bestStep)
  return {
    texts: setup.datasets.map(({ name }) => name),
    keep: setup.retained.map(({ name }) => name),
    kind: settings.kind,
    layers: settings.layers,
    experts: settings.experts,
    parameters: plan.parameters,
    steps: bestStep,
    tokens: best?.tokens ?? 0,
    ending: stopReason,
    seed: settings.seed,
    gate_bias: bias,
    forget,
    is_within: isWithinLimit,
    held_out_loss: { before: heldOutLossBefore, after: heldOutLoss },
    gates: points.map(({ bias, heldOutLoss, newExpertShare, cost }) => [bias, heldOutLoss, newExpertShare, cost]),
    beginnings,
  }
}
