import { Norm } from '../runtime/kernels/norm.js'
import type { Rows } from '../runtime/memory/rows.js'
import type { BatchCache } from './batch-cache.js'
import type { Blocks } from './decoder.js'
import type { Workspace } from './workspace.js'

/** A sublayer that reads a [T, d] and writes `perToken` rows of y for each token. */
export interface Feed {
  y: Rows
  perToken: number
  /** Address of the factors of these rows [T, perToken]; absent: 1. */
  gates?: number
  run(layer: number, tokens: number): void
}

export interface PreNormOptions {
  attention: { y: Rows; begin(cache: BatchCache): void; run(layer: number, tokens: number, cache: BatchCache): void }
  /** The feed-forward sublayer of a layer: a mixture of experts, or a dense one. */
  feedOf: (layer: number) => Feed
  /** Epsilon of the RMSNorms. */
  epsilon: number
  /** Factor of a sublayer's output. Default 1. */
  residualScale?: number
}

/** Blocks of most decoders: RMSNorm, attention, residual; RMSNorm, feed-forward, residual. */
export function preNormBlocks(workspace: Workspace, options: PreNormOptions): Blocks {
  const { x, a, bank, threads, store } = workspace
  const { attention, feedOf, epsilon, residualScale = 1 } = options
  const rms = { kind: 'rms', epsilon, x, output: a } as const
  const norm = new Norm(bank, rms, threads)
  const addAttention = new Norm(bank, { ...rms, add: { y: attention.y, perToken: 1, scale: residualScale } }, threads)
  const adders = new Map<Feed, Norm>()
  const adderOf = (feed: Feed) => {
    const { y, perToken, gates } = feed
    const adder =
      adders.get(feed) ?? new Norm(bank, { ...rms, add: { y, perToken, gates, scale: residualScale } }, threads)
    adders.set(feed, adder)
    return adder
  }
  const layers = workspace.perLayer((layer) => ({
    norm1: workspace.at(layer, 'norm1.weight'),
    norm2: workspace.at(layer, 'norm2.weight'),
    feed: feedOf(layer),
    add: adderOf(feedOf(layer)),
  }))
  const last = store.address('final', 'norm.weight')
  return {
    begin: (cache) => attention.begin(cache),
    block(l, T, cache) {
      const { norm1, norm2, feed, add } = layers[l]
      norm.run(T, norm1) //             a [T, d] = RMSNorm(x)
      attention.run(l, T, cache) //     y [T, d] = Attention(a)
      addAttention.run(T, norm2) //     x += scale . y;  a = RMSNorm(x)
      feed.run(l, T) //                 y [T, k, d] = experts of a
      add.run(T) //                     x += scale . gates . y
    },
    finalNorm: (T) => norm.run(T, last), // a [T, d] = RMSNorm(x)
  }
}
