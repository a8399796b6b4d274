import type { DecoderConfig } from '#molm/architectures/decoder-config.js'
import { attention, type Reader, type Rotation, type Row, readerOf, sum } from './reference-layers.js'
import { rmsNorm } from './reference-math.js'
import type { Tensors } from './reference-model.js'

export interface DecoderRules {
  /** One entry per channel pair of a head. */
  frequencies: ArrayLike<number>
  /** Factor of cos and sin. Default 1. */
  size?: number
  /** Names of a layer's norms. */
  norms?: readonly [string, string]
  /** Adds to x the output of a layer's feed-forward part for its normalised input. */
  feed: (layer: number, input: Row, x: Row, read: Reader) => Row
}

/** Logits of a pre-norm decoder in double precision, one row per token. */
export function decoderLogits(
  config: DecoderConfig,
  tensors: Tensors,
  tokens: readonly number[],
  { frequencies, size = 1, norms = ['input_layernorm', 'post_attention_layernorm'], feed }: DecoderRules,
): Float64Array[] {
  const { width: d, layers, epsilon } = config
  const rotation: Rotation = { frequencies, size, pairs: config.rope.pairs }
  const read = readerOf(tensors)
  let x = tokens.map((id) => read.row('model.embed_tokens', id, d))

  for (let l = 0; l < layers; l++) {
    const block = `model.layers.${l}`
    const gains = norms.map((name) => read.get(`${block}.${name}.weight`))
    const a = x.map((row) => rmsNorm(row, gains[0], epsilon))
    const mixed = attention(read, `${block}.self_attn`, a, {
      ...config,
      window: config.windows[l] || Infinity,
      rotation,
    })
    x = x.map((row, t) => sum(row, mixed[t]))
    x = x.map((row) => feed(l, rmsNorm(row, gains[1], epsilon), row, read))
  }
  const head = config.tieWordEmbeddings ? 'model.embed_tokens' : 'lm_head'
  return x.map((row) => read.linear(head, rmsNorm(row, read.get('model.norm.weight'), epsilon)))
}
