import { perMixture } from '../model/config.js'
import { type LayerAgreement, meanAgreement, type RoutingAgreement } from './agreement.js'

/**
 * How alike two models route a text, as `molm experts --against --json` prints it: shares by kind and layer, null where a
 * layer has none of the kind; `experts` has per layer and expert the share of the tokens choosing it in the other model
 * that choose it in the model too, null where none did or the model lacks the expert.
 */
export function agreementObject(agreement: RoutingAgreement) {
  const { text, mixtures } = agreement
  const layers = <T>(of: (layer: LayerAgreement) => T) =>
    perMixture(mixtures, ({ layers }) => layers.map((layer) => (layer.experts > 0 ? of(layer) : null)))
  return {
    name: text.name,
    tokens: text.tokens.length,
    mean: perMixture(mixtures, ({ kind }) => meanAgreement(agreement, kind)),
    top1: layers(({ top1 }) => top1),
    overlap: layers(({ overlap }) => overlap),
    missing: layers(({ missing }) => missing),
    experts: perMixture(mixtures, ({ layers }) =>
      layers.map(({ chosen, kept, has }) =>
        Array.from(chosen, (count, id) => (count > 0 && has.model[id] ? kept[id] / count : null)),
      ),
    ),
  }
}
