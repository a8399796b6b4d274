import { perMixture } from '../model/config.js'
import { type LayerAgreement, meanAgreement, type RoutingAgreement } from './agreement.js'

/**
 * Agreement of two models on a text, as `molm experts --against --json` prints it. Shares come by kind and layer, null
 * for a layer without experts of the kind. `experts` has, for each layer and expert, the share of the tokens that
 * choose it in the other model and in this one, too; null if no token does or this model lacks the expert.
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
