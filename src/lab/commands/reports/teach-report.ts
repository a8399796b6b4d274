import { quoted, shellWord } from '../../../cli/io/shell-word.js'
import { formatBytes, formatCount, formatDuration, formatPercent, plural } from '../../../ground/numbers.js'
import { alignColumns } from '../../../ground/output/table.js'
import { printableText } from '../../../ground/printable.js'
import { snakeCaseKeys } from '../../../ground/spelling.js'
import type {
  BeforeAndAfter,
  CalibrationPoint,
  ChosenGates,
  GateChoice,
  GatePoint,
  MeasuredPlan,
  TeachEvent,
  TeachingPlan,
  TeachResult,
  TextComparison,
  Trial,
} from '../../index.js'
import { choiceAt, FORGETS } from '../../teaching/gate-bias.js'
import { TRIAL_TOKENS } from '../../teaching/trial.js'

/*
 * The texts that `molm teach` prints: lines during a training, tables and JSON at its end.
 */

const ENDINGS = {
  done: 'all steps are done',
  'no-better': 'the held-out text is not predicted better any more',
  interrupted: 'interrupted (--resume continues)',
  'not-a-number': 'the loss is not a number any more; a lower --lr may help',
}

export function endLine({ stopReason, bestStep }: TeachEvent & { kind: 'end' }): string {
  return bestStep === 0 ? ENDINGS[stopReason] : `${ENDINGS[stopReason]}; the state of step ${bestStep} is kept`
}

export function stepLine({ point, steps, tokensPerSecond, secondsLeft }: TeachEvent & { kind: 'step' }): string {
  const { step, loss, heldOutLoss, retainedLoss } = point
  const parts = [
    `step ${step} of ${steps}`,
    `loss ${loss?.toFixed(3)}`,
    ...(heldOutLoss === undefined ? [] : [`held out ${heldOutLoss.toFixed(3)}`]),
    ...(retainedLoss === undefined ? [] : [`kept ${retainedLoss.toFixed(3)}`]),
    `${tokensPerSecond.toFixed(0)} tokens/s`,
    `${formatDuration(secondsLeft)} left`,
  ]
  return parts.join(', ')
}

/** `gates at -0.5: held out 4.571, own writing +0.8 %, own continuations +1.9 %; costs 0.8 %`. */
export function calibrationLine({ bias, heldOutLoss, cost, retained }: CalibrationPoint): string {
  const rises = retained.map(({ name, rise }) => `${name} ${formatRise(rise)}`)
  return `gates at ${bias}: held out ${heldOutLoss.toFixed(3)}, ${rises.join(', ')}; costs ${formatShare(cost)}`
}

/** A rise of a loss in nats, as a rise of the perplexity in percent. */
function formatRise(nats: number): string {
  const share = Math.expm1(nats)
  return `${share < 0 ? '' : '+'}${formatShare(share)}`
}

function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

/** Warnings about texts that the model predicts worse than before, or forgets more than accepted. */
export function warnings({ calibration: { bias, forget, isWithinLimit, curve }, regressions }: TeachResult): string[] {
  const beyond = (curve.find((point) => point.bias === bias)?.retained ?? [])
    .map(({ name, rise, allowance }) => ({ name, rise, bound: Math.log1p(forget * allowance) }))
    .filter(({ rise, bound }) => rise > bound)
  const taught = regressions.filter(({ bound }) => bound === 0).map(({ name, rise }) => `${name} ${formatRise(rise)}`)
  const kept = (isWithinLimit ? regressions.filter(({ bound }) => bound > 0) : beyond).map(
    ({ name, rise, bound }) => `${name} ${formatRise(rise)}, not ${formatRise(bound)}`,
  )
  return [
    ...warning('predicted worse than before', taught, 'more text, more --steps or a higher --forget teach more'),
    ...warning(
      'forgets more than --forget accepts',
      kept,
      'a higher --keep, fewer --layers or a lower --lr forget less',
    ),
  ]
}

function warning(what: string, texts: readonly string[], remedy: string): string[] {
  return texts.length === 0 ? [] : [`${what}: ${texts.join('; ')}; ${remedy}`]
}

export function planLine(plan: TeachingPlan): string {
  const { kind, layers, experts, parameters, memoryBytes, tokens, steps } = plan
  const added = `${plural(experts, `new ${kind} expert`)} in ${plural(layers.length, 'layer')}`
  const size = `${formatCount(parameters)} parameters, ${formatBytes(memoryBytes)} of memory in addition to the model`
  return `${added}: ${size}; ${plural(steps, 'step')} of ${batchOf(plan)} over ${formatCount(tokens.train)} tokens to learn`
}

/** `512 tokens (the text is too short for 2048)`. */
function batchOf({ batch, usualBatch }: TeachingPlan): string {
  return `${batch} tokens${usualBatch === undefined ? '' : ` (the text is too short for ${usualBatch})`}`
}

export function planTable({ tokensPerSecond, secondsPerEpoch, ...plan }: MeasuredPlan): string {
  const { kind, layers, experts, parameters, memoryBytes, tokens, steps, stepsPerEpoch } = plan
  const training = formatDuration((secondsPerEpoch * steps) / stepsPerEpoch)
  return alignColumns([
    ['new experts', `${plural(experts, `${kind} expert`)} in each of the layers ${layers.join(', ')}`],
    ['parameters', formatCount(parameters)],
    ['memory', `${formatBytes(memoryBytes)} in addition to the model`],
    ['tokens', `${tokens.train} to learn, ${tokens.heldOut} held out, ${tokens.replay} to keep`],
    ['steps', `${steps} of ${batchOf(plan)}, ${stepsPerEpoch} per epoch`],
    ['speed', `${tokensPerSecond.toFixed(0)} tokens/s`],
    ['epoch', formatDuration(secondsPerEpoch)],
    ['training', `${training}, without writing texts to keep, lowering the gates and measuring`],
  ])
}

/** A table of the loss of each text before and after, the sizes and the times. */
export function summary({ texts, retained, bytes, seconds }: TeachResult): string {
  const row = ({ name, scored, loss, perplexity, newExpertShare }: TextComparison) => [
    name,
    String(scored),
    loss.before.toFixed(3),
    loss.after.toFixed(3),
    perplexity.before.toPrecision(5),
    perplexity.after.toPrecision(5),
    `${(100 * newExpertShare).toFixed(1)} %`,
  ]
  const rows = [
    ['held out', 'tokens', 'loss before', 'after', 'perplexity before', 'after', 'to new experts'],
    ...texts.map(row),
    ...retained.map((text) => row({ ...text, name: `kept: ${text.name}` })),
  ]
  const { replay, training, calibration } = seconds
  const times = [
    `writing texts to keep ${formatDuration(replay)}`,
    `training ${formatDuration(training)}`,
    `lowering the gates ${formatDuration(calibration)}`,
  ]
  const sizes = `${formatBytes(bytes.before)} before, ${formatBytes(bytes.after)} after`
  return `${alignColumns(rows, [1, 2, 3, 4, 5, 6])}weights: ${sizes}; time: ${times.join(', ')}\n`
}

/** A row for each value of --forget: what it costs and gives. `choice` is the one that was written. */
export function choicesTable(curve: readonly GatePoint[], choice: GateChoice): string {
  const choices = [...FORGETS.filter((forget) => forget !== choice.forget), choice.forget].sort((a, b) => a - b)
  const rows = choices.map((forget) => {
    const { bias, heldOutLoss, newExpertShare, cost, isWithinLimit } = choiceAt(curve, forget)
    if (!isWithinLimit) return [formatPercent(forget), 'no gates cost as little', '', '', '', '']
    const isWritten = forget === choice.forget ? 'written' : ''
    const gains = [Math.exp(heldOutLoss).toPrecision(5), formatShare(newExpertShare)]
    return [formatPercent(forget), String(bias), formatShare(cost), ...gains, isWritten]
  })
  return alignColumns([['--forget', 'gates at', 'costs', 'perplexity', 'to new experts', ''], ...rows], [2, 3, 4])
}

/**
 * Lines on what the model in the folder `out` has learnt, with a command that shows it and what that prints, and on
 * what not to expect. `falls`: perplexities of the texts that are predicted better now.
 */
export function learntLines(
  falls: readonly { name: string; perplexity: BeforeAndAfter }[],
  { forget, cost, bias }: GateChoice,
  { prompt, text, isUsable }: Trial,
  out: string,
): string {
  const learnt = falls.map(({ name, perplexity: { before, after } }) => {
    return `${name} from ${before.toPrecision(3)} to ${after.toPrecision(3)}`
  })
  const word = shellWord(out)
  const more = FORGETS.find((one) => one > forget)
  const remedy =
    bias < 0 && more !== undefined
      ? `this opens the gates without training: molm teach ${word} --forget ${formatPercent(more).replace(' ', '')}`
      : 'teach with more text or more --steps'
  return [
    `learnt: the perplexity of ${learnt.join(', of ')}, at a cost of ${formatShare(cost)} on other texts`,
    isUsable
      ? 'it can continue such texts now, but not answer questions about them; try'
      : `but it does not continue such texts by itself; ${remedy}`,
    `molm run --raw -m ${word} --temperature 0 -n ${TRIAL_TOKENS} ${quoted(prompt)}`,
    `which prints: ${printableText(text)}`,
  ].join('\n')
}

/** The object that `--json` prints. */
export function taughtJson(model: string, taught: TeachResult): object {
  const { path, plan, newExperts, stopReason, bestStep, calibration, texts, retained, regressions, bytes } = taught
  const { replay, ...seconds } = taught.seconds
  const text = ({ name, scored, loss, perplexity, newExpertShare: newcomerShare }: TextComparison) => {
    return { file: name, scored, loss, perplexity, newcomerShare }
  }
  const { bias: gateBias, forget, isWithinLimit: isWithin, curve } = calibration
  return snakeCaseKeys({
    model,
    path,
    ...planJson(plan),
    newcomers: newExperts,
    ending: stopReason,
    bestStep,
    gateBias,
    forget,
    isWithin,
    calibration: curve.map(({ newExpertShare: newcomerShare, retained: kept, ...point }) => {
      return { ...point, newcomerShare, kept }
    }),
    trial: taught.trial,
    texts: texts.map(text),
    keep: retained.map(text),
    worse: regressions,
    bytes,
    seconds: { rehearsal: replay, ...seconds },
  })
}

/** The object that `--json` prints of gates that were chosen again. */
export function chosenJson(model: string, { path, choice, perplexity, trial }: ChosenGates): object {
  const { bias: gateBias, newExpertShare: newcomerShare, isWithinLimit: isWithin, ...rest } = choice
  return snakeCaseKeys({ model, path, gateBias, isWithin, newcomerShare, ...rest, perplexity, trial })
}

export function planJson(plan: TeachingPlan & Partial<MeasuredPlan>): object {
  const { kind, layers, experts, parameters, memoryBytes, batch, steps, stepsPerEpoch } = plan
  const { train, heldOut, replay: keep } = plan.tokens
  const { tokensPerSecond, secondsPerEpoch } = plan
  const sizes = { parameters, memoryBytes, batch, tokens: { train, heldOut, keep } }
  return snakeCaseKeys({ kind, layers, experts, ...sizes, steps, stepsPerEpoch, tokensPerSecond, secondsPerEpoch })
}
