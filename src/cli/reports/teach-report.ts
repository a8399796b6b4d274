import { formatBytes, formatCount, formatDuration, formatPercent, plural } from '../../ground/numbers.js'
import { alignColumns } from '../../ground/output/table.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type {
  CalibrationPoint,
  MeasuredPlan,
  TeachEvent,
  TeachingPlan,
  TeachResult,
  TextComparison,
} from '../../index.js'
import { quoted, shellWord } from '../io/shell-word.js'

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

/** `gates at -0.5: held out 4.571, own writing +0.8 % of 1 %, own continuations +1.9 % of 4 %`. */
export function calibrationLine({ bias, heldOutLoss, retained }: CalibrationPoint): string {
  const rises = retained.map(
    ({ name, rise, bound }) => `${name} ${formatRise(rise)} of ${formatPercent(Math.expm1(bound))}`,
  )
  return `gates at ${bias}: held out ${heldOutLoss.toFixed(3)}, ${rises.join(', ')}`
}

/** A rise of a loss in nats, as a rise of the perplexity in percent. */
function formatRise(nats: number): string {
  const percent = 100 * Math.expm1(nats)
  return `${percent < 0 ? '' : '+'}${percent.toFixed(1)} %`
}

/** Warnings about texts that the model predicts worse than before, or forgets more than accepted. */
export function warnings({ calibration: { bias, isWithinLimit, curve }, regressions }: TeachResult): string[] {
  const beyond = curve.find((point) => point.bias === bias)?.retained.filter(({ rise, bound }) => rise > bound) ?? []
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

/**
 * Lines on what the model in the folder `out` has learnt, with a command that shows it, and on what not to expect.
 * `sample`: a text that it learnt. Undefined if it has learnt nothing.
 */
export function learntLines({ texts }: TeachResult, out: string, sample: string): string | undefined {
  const learnt = texts.filter(({ loss }) => loss.after < loss.before)
  if (learnt.length === 0) return undefined
  const falls = learnt.map(({ name, perplexity: { before, after } }) => {
    return `${name} from ${before.toPrecision(3)} to ${after.toPrecision(3)}`
  })
  const beginning = sample.trim().split(/\s+/, FIRST_WORDS).join(' ')
  const command = ['molm run --raw -m', shellWord(out), quoted(beginning)].join(' ')
  return (
    `learnt: the perplexity of ${falls.join(', of ')}\n` +
    `it can continue such texts now, but not answer questions about them; try\n${command}`
  )
}

const FIRST_WORDS = 4

/** The object that `--json` prints. */
export function taughtJson(model: string, taught: TeachResult): object {
  const { path, plan, newExperts, stopReason, bestStep, calibration, texts, retained, regressions, bytes } = taught
  const { replay, ...seconds } = taught.seconds
  const text = ({ name, scored, loss, perplexity, newExpertShare: newcomerShare }: TextComparison) => {
    return { file: name, scored, loss, perplexity, newcomerShare }
  }
  const { bias: gateBias, isWithinLimit: isWithin, curve } = calibration
  return snakeCaseKeys({
    model,
    path,
    ...planJson(plan),
    newcomers: newExperts,
    ending: stopReason,
    bestStep,
    gateBias,
    isWithin,
    calibration: curve.map(({ bias, heldOutLoss, newExpertShare: newcomerShare, retained: kept }) => {
      return { bias, heldOutLoss, newcomerShare, kept }
    }),
    texts: texts.map(text),
    keep: retained.map(text),
    worse: regressions,
    bytes,
    seconds: { rehearsal: replay, ...seconds },
  })
}

export function planJson(plan: TeachingPlan & Partial<MeasuredPlan>): object {
  const { kind, layers, experts, parameters, memoryBytes, batch, steps, stepsPerEpoch } = plan
  const { train, heldOut, replay: keep } = plan.tokens
  const { tokensPerSecond, secondsPerEpoch } = plan
  const sizes = { parameters, memoryBytes, batch, tokens: { train, heldOut, keep } }
  return snakeCaseKeys({ kind, layers, experts, ...sizes, steps, stepsPerEpoch, tokensPerSecond, secondsPerEpoch })
}
