import { type Atlas, nameIn } from '../../../insight/atlas/atlas.js'
import { committeesOf } from '../../../insight/atlas/committee.js'
import type { RoutingAgreement } from '../../../insight/usage/agreement.js'
import { awakeIn } from '../../../insight/usage/awake.js'
import { findSpecialists, SPECIALISTS } from '../../../insight/usage/comparison.js'
import { layersOf } from '../../../insight/usage/layers-json.js'
import type { TextRoutes } from '../../../insight/usage/text-routes.js'
import { perLayer } from '../../../insight/usage/usage.js'
import { perMixture } from '../../../model/config/config.js'
import { usedPerToken } from '../../../model/config/experts-per-token.js'
import { agreementObject } from '../reports/agreement-report.js'

/*
 * Usage and agreement as `molm experts --json` prints them: one object, in pieces, since the tokens of a long text would
 * be too much for one string.
 */

/** Usage of the experts by texts, with their tokens if `perToken`; with names if an atlas has them. */
export function* usageJson(texts: readonly TextRoutes[], atlas?: Atlas, perToken = false): Generator<string> {
  const [{ model }] = texts
  const { mixtures } = model.config
  const taught = mixtures.filter(({ newExperts }) => newExperts)
  const withAlways = mixtures.filter(({ routing }) => routing?.always)
  const about = {
    model: model.name,
    quant: model.quant,
    experts_per_token: perMixture(mixtures, usedPerToken),
    ...(withAlways.length > 0 && {
      always_chosen: perMixture(withAlways, ({ routing }) => routing?.always?.map(({ ids }) => ids)),
    }),
    ...(taught.length > 0 && { newcomers: perMixture(taught, ({ newExperts }) => newExperts) }),
  }
  yield `${JSON.stringify(about).slice(0, -1)},"texts":[`
  for (const [i, text] of texts.entries()) {
    yield `${i > 0 ? ',' : ''}${JSON.stringify(usageObject(text)).slice(0, -1)}`
    if (perToken) {
      for (const [i, token] of text.tokens.entries()) {
        const entry = { token, text: text.model.textOf(token), experts: layersOf(text.at(i)) }
        yield `${i > 0 ? ',' : ',"per_token":['}${JSON.stringify(entry)}`
      }
      yield ']'
    }
    yield '}'
  }
  yield ']'
  if (texts.length > 1) yield `,"specialists":${JSON.stringify(specialistObjects(texts, atlas))}`
  yield `,"committees":${JSON.stringify(committeeObjects(texts, atlas))}}\n`
}

export function agreementJson(agreements: readonly RoutingAgreement[]): string {
  const [{ text, against }] = agreements
  const [model, other] = [text.model, against.model]
  const about = { model: model.name, quant: model.quant, against: { model: other.name, quant: other.quant } }
  return `${JSON.stringify({ ...about, texts: agreements.map(agreementObject) })}\n`
}

/** Usage by kind and layer. A layer without experts of a kind has no counts, and null for entropy and fairness. */
export function usageObject({ name, usage, model }: TextRoutes) {
  return {
    name,
    tokens: usage.tokens,
    awake: awakeIn(usage),
    usage: perLayer(usage, ({ counts }) => [...counts]),
    ...(model.hasGates !== false && { gate_mass: perLayer(usage, ({ gateMass }) => [...gateMass]) }),
    entropy: perLayer(usage, ({ experts, entropy }) => (experts > 0 ? entropy : null)),
    fairness: perLayer(usage, ({ experts, fairness }) => (experts > 0 ? fairness : null)),
  }
}

function specialistObjects(texts: readonly TextRoutes[], atlas?: Atlas) {
  return findSpecialists(texts, SPECIALISTS).map(({ text, layer, kind, expert, share, elsewhere, tokens }) => ({
    text: texts[text].name,
    layer,
    kind,
    expert,
    name: nameIn(atlas, { kind, layer, expert }),
    share,
    elsewhere,
    tokens: tokens.map(({ token, count, gateMass }) => {
      const { textOf, hasGates } = texts[text].model
      return { token, text: textOf(token), count, ...(hasGates !== false && { gate_mass: gateMass }) }
    }),
  }))
}

export function committeeObjects(texts: readonly TextRoutes[], atlas?: Atlas) {
  return committeesOf(texts).map(({ kind, layer, members, share, gini, fairness }) => ({
    layer,
    kind,
    experts: members.map(({ expert, share }) => ({ expert, name: nameIn(atlas, { kind, layer, expert }), share })),
    share,
    gini,
    fairness,
  }))
}
