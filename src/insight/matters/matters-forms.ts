import { csvRow } from '../../ground/csv.js'
import { sixDigits } from '../../ground/numbers.js'
import { type ExpertPlace, maskSpecOf } from '../usage/awake.js'
import { changeInWords } from '../word-changes.js'
import type { AnswerWithout } from './answer-trial.js'
import type { Matters } from './experts-that-matter.js'

/** Object of `molm experts --matters --json`, with at most this many experts. */
export function mattersObject({ model, answer, logprob, tried, of, experts, group }: Matters, most = Infinity) {
  const without = ({ logprobChange, changes, answer }: AnswerWithout) => {
    return { logprob_change: sixDigits(logprobChange), changes, answer }
  }
  const placeOf = ({ layer, kind, expert }: ExpertPlace) => ({ layer, kind, expert })
  return {
    ...{ model: model.name, quant: model.quant, answer, logprob: sixDigits(logprob), tried, of },
    experts: experts.slice(0, most).map((one) => ({ ...placeOf(one), mask: maskSpecOf(one), ...without(one) })),
    ...(group && {
      group: { experts: group.experts.map(placeOf), mask: group.experts.map(maskSpecOf), ...without(group) },
    }),
  }
}

/** Yields a row for each expert that was left out. */
export function* mattersCsv({ experts }: Matters): Generator<string> {
  yield 'layer,kind,expert,mask,logprob_change,changes,answer\n'
  for (const one of experts) {
    const { layer, kind, expert, logprobChange, changes, answer } = one
    yield `${csvRow([layer, kind, expert, maskSpecOf(one), sixDigits(logprobChange), String(changes), answer])}\n`
  }
}

/**
 * The first `most` experts whose absence changes the answer, a line each: `without layer 5’s MLP expert 13: “hot” for
 * “cold” (log p −9.3)`. If no single one does, a line about the group.
 */
export function mattersLines({ answer, experts, group }: Matters, most: number): string[] {
  const line = (without: AnswerWithout, experts: readonly ExpertPlace[]) => {
    const change = `${changeInWords(answer, without.answer)} (log p ${signed(without.logprobChange)})`
    return `without ${expertsInWords(experts)}: ${change}`
  }
  const changing = experts.filter(({ changes }) => changes).slice(0, most)
  if (changing.length > 0) return changing.map((one) => line(one, [one]))
  const alone = 'no expert changes the answer alone'
  return [group ? `${alone}; ${line(group, group.experts)}` : `${alone}, and the strongest do not together`]
}

/** Numbers of the search: `all 151 woken experts were left out, one at a time; 2 change the answer`. */
export function triedInWords({ tried, of, experts }: Matters): string {
  const some = tried === of ? `all ${of}` : `${tried} of the ${of}`
  const changing = experts.filter(({ changes }) => changes).length
  return `${some} woken experts were left out, one at a time; ${changing} ${changing === 1 ? 'changes' : 'change'} the answer`
}

/** A change of a log-probability: `−9.3`. */
export function signed(nats: number): string {
  return `${nats < 0 ? '−' : '+'}${Math.abs(nats).toFixed(1)}`
}

/** Names experts: `layer 5’s MLP expert 13 and layer 0’s attention expert 2`. */
export function expertsInWords(experts: readonly ExpertPlace[]): string {
  return experts
    .map(({ layer, kind, expert }) => `layer ${layer}’s ${kind === 'mlp' ? 'MLP' : kind} expert ${expert}`)
    .join(' and ')
}
