/* Arguments of the kernels that change rows: norms and the rotation of heads. */

export enum NormKind {
  /** (x - mean) / sqrt(variance + epsilon) * weight + bias. */
  layer,
  /** x / sqrt(mean square + epsilon) * weight. */
  rms,
  /** x. */
  none,
}

/** Residual addition and LayerNorm or RMSNorm (assembly/norm.ts). */
export enum NormArg {
  /** Residual stream: rows of floats, padded with zeros. */
  x,
  /** Floats from one row to the next: `columns` rounded up to TILE_COLUMNS. */
  stride,
  columns,
  tokens,
  chunkTokens,
  /** Rows that are added, k per token; or 0 to add nothing. */
  y,
  /** Bytes from one of them to the next. */
  yStride,
  /** Factors of these rows: floats, k per token; or 0 for factors of 1. */
  gates,
  k,
  /** f32: a further factor of all of them. */
  scale,
  /** Weight of an RMSNorm of their sum; or 0 to add the sum as it is. */
  sumWeight,
  /** Row that is added once per token; or 0. */
  added,
  /** Factors and biases of x, and then of the added rows: floats [2, stride] each; or 0 for neither. */
  scales,
  biases,
  /** f32: factor of x after the additions. */
  factor,
  /** NormKind. */
  kind,
  /** f32. */
  epsilon,
  /** Weight of the norm; or 0 to add only. */
  weight,
  /** Or 0. */
  bias,
  /** Normalised rows, laid out as x. */
  output,
  /** Records of them, or 0. */
  records,
  recordStride,
}

/** Range of an RMSNorm in a row of heads. */
export enum NormSpan {
  none,
  row,
  head,
}

/** Channels of a head that turn together. */
export enum HeadPairs {
  /** Channel i and channel i + turned / 2. */
  halves,
  /** Channels 2 i and 2 i + 1. */
  neighbours,
}

export enum GateKind {
  sigmoid,
  /** x sigmoid(x). */
  silu,
  /** x. */
  plain,
}

/** RMSNorm and gate of rows, in place (assembly/gated-rows.ts). */
export enum GatedRowsArg {
  /** Rows of floats. */
  rows,
  /** Bytes from one of them to the next. */
  stride,
  count,
  chunkRows,
  columns,
  /** Gates: rows of `columns` floats, or of one for each `perGate` columns; or 0 for none. */
  gates,
  gateStride,
  /** GateKind. */
  kind,
  /** Columns that have the same gate, if gates are plain. */
  perGate,
  /** Channels of a norm, a divisor of `columns`; 0 for no norm. */
  span,
  /** Weight of the norm: a float for each channel that it spans. */
  weight,
  /** Bytes from one span's weights to the next one's; 0 if all have the same. */
  weightStep,
  /** f32. */
  epsilon,
  /** 1 if the gate comes before the norm. */
  gatesFirst,
  /** Records of the rows, or 0. */
  records,
  recordStride,
}

/** Heads of compressed convolutional attention, from what its projections and convolutions give (compressed-heads.ts). */
export enum CompressedHeadsArg {
  count,
  chunkRows,
  heads,
  keyValueHeads,
  headSize,
  /** Bytes of a head's floats, padded to TILE_COLUMNS. */
  headBytes,
  /** Terms of each head. */
  terms,
  /** Rows of projections: floats [heads + keyValueHeads, headBytes]. */
  projected,
  projectedStride,
  /** Rows of terms: floats [heads + keyValueHeads, terms, headBytes]. */
  sums,
  /** Rows of the two halves of the values: floats [2, halfBytes]. */
  halves,
  /** Bytes from one token's terms, or halves, to the next one's. */
  termsStride,
  halfBytes,
  /** Factor of each head of keys: floats [keyValueHeads]. */
  factors,
  /** Rows of floats [heads, headSize], and twice [keyValueHeads, headSize]. */
  queries,
  queryStride,
  keys,
  values,
  /** Bytes from one token's keys, or values, to the next one's. */
  keyStride,
}

/** Norm, clamp and rotation of rows of heads, in place (assembly/heads.ts). */
export enum HeadsArg {
  /** Rows of floats. */
  rows,
  /** Bytes from one of them to the next. */
  stride,
  count,
  chunkRows,
  /** Rows that have the same position. */
  perToken,
  /** Channels of a row, a multiple of headSize. */
  columns,
  headSize,
  /** NormSpan. */
  span,
  /** Weight of the norm: a float for each channel that it spans. */
  weight,
  /** f32. */
  epsilon,
  /** f32: rows are clamped to [-clip, clip]; 0 leaves them. */
  clip,
  /** Cosines of the tokens' positions, turned / 2 floats each; or 0 to rotate nothing. */
  cos,
  sin,
  /** Bytes from one token's cosines to the next token's. */
  angleStride,
  /** Channels of a head that turn, the first ones. */
  turned,
  /** HeadPairs. */
  pairs,
}
