import { csvRow } from '../../ground/csv.js'
import { sixDigits } from '../../ground/numbers.js'
import type { ExpertPlace } from '../usage/awake.js'
import { wordChanges } from '../word-changes.js'
import { type AnswerWithout, maskSpecOf } from './answer-trial.js'
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

/** Longest part of an answer that is quoted, in characters. */
const QUOTED = 40

/** Names experts: `layer 5’s MLP expert 13 and layer 0’s attention expert 2`. */
export function expertsInWords(experts: readonly ExpertPlace[]): string {
  return experts
    .map(({ layer, kind, expert }) => `layer ${layer}’s ${kind === 'mlp' ? 'MLP' : kind} expert ${expert}`)
    .join(' and ')
}

/** Names a change by its first words: `“hot” for “cold”`; `the same words` if there is none. */
export function changeInWords(answer: string, without: string): string {
  const { before, after } = wordChanges(answer, without)
  const first = (parts: typeof before) => {
    const text = parts.find(({ differs }) => differs)?.text.trim() ?? ''
    return text === '' ? 'nothing' : `“${text.length > QUOTED ? `${text.slice(0, QUOTED).trimEnd()}…` : text}”`
  }
  return answer === without ? 'the same words' : `${first(after)} for ${first(before)}`
}
