import { csvRow } from '../../ground/csv.js'
import { sixDigits } from '../../ground/numbers.js'
import { maskSpecOf } from '../../insight/usage/awake.js'
import type { Effect, Patching } from './patch-prompts.js'

/** Object of `molm experts --patch --json`. */
export function patchObject({
  model,
  clean,
  corrupt,
  answer,
  logprobs,
  places,
  experts,
  coalitions,
}: Patching): object {
  const rounded = <Found extends Effect>({ logprob, restored, ...place }: Found) => {
    return { ...place, logprob: sixDigits(logprob), restored: sixDigits(restored) }
  }
  return {
    ...{ model: model.name, quant: model.quant, answer },
    logprob: { clean: sixDigits(logprobs.clean), corrupt: sixDigits(logprobs.corrupt) },
    tokens: clean.map((id, i) => ({ clean: model.textOf(id), corrupt: model.textOf(corrupt[i]) })),
    places: places.map(rounded),
    experts: experts.map((one) => ({ ...rounded(one), mask: maskSpecOf(one) })),
    coalitions: coalitions.map((one) => ({ ...rounded(one), mask: one.experts.map(maskSpecOf) })),
  }
}

/** Yields a row for each place, with the token, and for each expert, at all tokens. */
export function* patchCsv({ places, experts }: Patching): Generator<string> {
  yield 'layer,part,expert,token,logprob,restored\n'
  for (const { layer, part, token, logprob, restored } of places)
    yield `${csvRow([layer, part, '', token, sixDigits(logprob), sixDigits(restored)])}\n`
  for (const { layer, kind, expert, logprob, restored } of experts)
    yield `${csvRow([layer, kind, expert, '', sixDigits(logprob), sixDigits(restored)])}\n`
}
