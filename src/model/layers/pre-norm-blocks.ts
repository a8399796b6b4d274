import { Norm, type NormShape } from '../../kernels/calls/norm.js'
import type { Rows } from '../../kernels/memory/rows.js'
import type { BatchCache } from './batch-cache.js'
import type { Blocks } from './decoder.js'
import type { Workspace } from './workspace.js'

/** Output of a sublayer, which is added to the residual stream. */
interface Sublayer {
  /** `perToken` rows for each token. */
  y: Rows
  /** Rows of a token in a layer. Default 1. */
  perToken?(layer: number): number
  /** Address of the factors of these rows [T, perToken]; absent: 1. */
  gates?: number
  /** Factor of all of them. Default 1. */
  scale?: number
}

/** Mixes the tokens of a sequence: reads a [T, d] and the cache. */
export interface Mixer extends Sublayer {
  /** Prepares for a batch; called once for all layers. */
  begin(cache: BatchCache): void
  run(layer: number, tokens: number, cache: BatchCache): void
}

/** Feed-forward: reads a [T, d], each token by itself. */
export interface Feed extends Sublayer {
  run(layer: number, tokens: number): void
}

export interface PreNormOptions {
  mixerOf: (layer: number) => Mixer | undefined
  /** The feed-forward sublayer of a layer: a mixture of experts, or a dense one. A layer may have one sublayer alone. */
  feedOf: (layer: number) => Feed | undefined
  /** Chooses a layer's experts from x, before its mixer runs. Default: the feed-forward sublayer chooses them. */
  route?: (layer: number, tokens: number) => void
  /** Before sublayers. Default: RMSNorm. LayerNorm has no bias here. The last norm is RMSNorm if they have none. */
  norm?: NormShape['kind']
  epsilon: number
  /** Whether both sublayers read the same norm of the stream: a block has one norm then. */
  parallel?: boolean
  /** Factor of a sublayer's output. Default 1. */
  residualScale?: number
  /** Whether a sublayer's output, summed over its rows, is normalised before it is added: `norm1.after` and `norm2.after`. */
  normsAfter?: boolean
}

/** Blocks of most decoders: norm, mixer, residual; norm, feed-forward, residual. */
export function preNormBlocks(workspace: Workspace, options: PreNormOptions): Blocks {
  const { x, a, bank, threads, store } = workspace
  const {
    mixerOf,
    feedOf,
    route,
    norm: kind = 'rms',
    epsilon,
    parallel,
    residualScale = 1,
    normsAfter = false,
  } = options
  const shape = { kind, epsilon, x, output: a }
  const norm = new Norm(bank, shape, threads)
  const hasNorms = kind !== 'none'
  const lastNorm = hasNorms ? norm : new Norm(bank, { ...shape, kind: 'rms' }, threads)
  /** Adds the output of a sublayer to the residual stream, then normalises that. */
  const adders = new Map<Sublayer, Norm>()
  const adderOf = (sublayer?: Sublayer) => {
    if (!sublayer) return norm
    const { y, gates, scale = 1 } = sublayer
    const add = { y, gates, scale: residualScale * scale }
    const adder = adders.get(sublayer) ?? new Norm(bank, { ...shape, add }, threads)
    adders.set(sublayer, adder)
    return adder
  }
  const layers = workspace.perLayer((layer) => {
    const [mixer, feed] = [mixerOf(layer), feedOf(layer)]
    return {
      norm1: hasNorms ? workspace.at(layer, 'norm1.weight') : 0,
      mixer,
      addMixer: adderOf(mixer),
      after1: normsAfter ? workspace.at(layer, 'norm1.after') : 0,
      norm2: hasNorms && mixer && feed && !parallel ? workspace.at(layer, 'norm2.weight') : 0,
      feed,
      addFeed: adderOf(feed),
      after2: normsAfter ? workspace.at(layer, 'norm2.after') : 0,
    }
  })
  const mixers = new Set(Object.values(layers).map(({ mixer }) => mixer))
  const last = store.address('final', 'norm.weight')
  return {
    begin(cache) {
      for (const mixer of mixers) mixer?.begin(cache)
    },
    block(l, T, cache) {
      const { norm1, mixer, addMixer, after1, norm2, feed, addFeed, after2 } = layers[l]
      route?.(l, T) //                 ids, gates [T, k] from x, in families that choose early
      norm.run(T, norm1) //            a [T, d] = Norm(x)
      if (mixer) {
        mixer.run(l, T, cache) //      y [T, d] = Attention(a), or another mixer
        addMixer.perToken(mixer.perToken?.(l) ?? 1).sumWeight(after1)
        addMixer.run(T, norm2) //      x += scale . RMSNorm?(y);  a = Norm?(x)
      }
      if (!feed) return
      feed.run(l, T) //                y [T, k, d] = experts of a
      addFeed.perToken(feed.perToken?.(l) ?? 1).sumWeight(after2)
      addFeed.run(T) //                x += scale . RMSNorm?(gates . y)
    },
    finalNorm: (T) => lastNorm.run(T, last), // a [T, d] = Norm(x)
    finalDivisor: (row) => lastNorm.divisorOf(row),
    outputFactors(l, routed, shared) {
      const sum = shared ? routed.map((value, i) => value + shared[i]) : routed
      return layers[l].addFeed.factorsOf(sum, layers[l].after2)
    },
  }
}
