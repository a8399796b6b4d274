import type { Mixture, ModelConfig } from '../model/config.js'
import { byLayer } from '../nn/by-layer.js'
import { GatedMixture, type GatedMixtureOptions, GatedMlp, type GatedOptions } from '../nn/gated-mlp.js'
import type { Feed } from '../nn/pre-norm-blocks.js'
import type { Workspace } from '../nn/workspace.js'

/*
 * Models that have experts in some layers, and one dense feed-forward layer in each of the others.
 */

/** The mixture as a list of one, or an empty list if no layer has experts. */
export function unlessDense(counts: readonly number[], mixture: () => Mixture): Mixture[] {
  return counts.some((count) => count > 0) ? [mixture()] : []
}

/** Whether a layer has MLP experts. */
export function hasExperts({ mixtures }: Pick<ModelConfig, 'mixtures'>, layer: number): boolean {
  return (mixtures[0]?.experts[layer] ?? 0) > 0
}

/** Returns the function that finds a layer's feed: its experts, or the dense layer of pieces `dense.`. */
export function mixedFeeds(
  workspace: Workspace,
  config: Pick<ModelConfig, 'mixtures'>,
  sparse: GatedMixtureOptions,
  dense: GatedOptions,
): (layer: number) => Feed {
  const isDense = (layer: number) => !hasExperts(config, layer)
  return byLayer<'dense' | 'mixture', Feed>((layer) => (isDense(layer) ? 'dense' : 'mixture'), {
    dense: () => new GatedMlp(workspace, 'dense.', isDense, dense),
    mixture: () => new GatedMixture(workspace, config.mixtures[0], sparse),
  })
}
