import { csvRow } from '../../ground/csv.js'
import { sixDigits } from '../../ground/numbers.js'
import { perMixture } from '../../model/config/config.js'
import { maskSpecs } from '../../model/config/mask-spec.js'
import type { Contrast, ContrastedExpert } from './contrast.js'

/** A contrast as `molm experts --contrast --json` prints it. Differences are a less b. */
export function contrastObject({ model, names, pairs, tokens, experts }: Contrast) {
  return {
    model: model.name,
    quant: model.quant,
    texts: names.map((name, i) => ({ name, tokens: tokens[i] })),
    pairs,
    experts: experts.map(({ layer, kind, expert, rates, rate, gate, isFound, isConfirmed }) => ({
      ...{ layer, kind, expert, rate_a: sixDigits(rates[0]), rate_b: sixDigits(rates[1]) },
      rate_difference: { mean: sixDigits(rate.mean), error: sixDigits(rate.error) },
      gate_difference: { mean: sixDigits(gate.mean), error: sixDigits(gate.error) },
      found: isFound,
      confirmed: isConfirmed,
    })),
  }
}

/** Yields a row for each expert. */
export function* contrastCsv({ experts }: Contrast): Generator<string> {
  yield 'layer,kind,expert,rate_a,rate_b,rate_difference,rate_error,gate_difference,gate_error,found,confirmed\n'
  for (const { layer, kind, expert, rates, rate, gate, isFound, isConfirmed } of experts) {
    const numbers = [...rates, rate.mean, rate.error, gate.mean, gate.error].map(sixDigits)
    yield `${csvRow([layer, kind, expert, ...numbers, Number(isFound), Number(isConfirmed)])}\n`
  }
}

/** The confirmed experts, the largest differences of the rates first. */
export function confirmedExperts({ experts }: Contrast): ContrastedExpert[] {
  return experts.filter(({ isConfirmed }) => isConfirmed).sort((a, b) => Math.abs(b.rate.mean) - Math.abs(a.rate.mean))
}

/** Smallest share of the largest push that is written: others are many and do little. */
const LEAST_PUSH = 0.1

/**
 * A file for `--steer`: pushes the confirmed experts of a up and of b down, each by its difference, the largest one
 * by `strength` spreads. `spreads` has the mean spread of each layer's logits, for a bias that does the same without `--steer`.
 */
export function steering(contrast: Contrast, strength: number) {
  const { model, names, spreads } = contrast
  const confirmed = confirmedExperts(contrast)
  const most = Math.abs(confirmed[0].rate.mean)
  const pushes = perMixture(model.config.mixtures, ({ kind, experts }) =>
    experts.map((_, layer) =>
      confirmed
        .filter((one) => one.kind === kind && one.layer === layer)
        .filter(({ rate }) => Math.abs(rate.mean) >= LEAST_PUSH * most)
        .map(({ expert, rate }) => ({ id: expert, by: Number(((rate.mean / most) * strength).toFixed(3)) })),
    ),
  )
  return {
    model: model.name,
    towards: names[0],
    from: names[1],
    experts: maskSpecs({ gates: 'all', pushes }),
    spreads,
  }
}
