/* Arguments of the kernels that only training needs. */

/** Grouped product with the transposes of packed matrices (assembly/transposed-matmul.ts). */
export enum TransposedArg {
  /** WeightCode of all matrices. */
  format,
  /** Columns of each matrix: outputs of this product, which are padded with zeros to TILE_COLUMNS. */
  columns,
  /** Rows of each matrix: inputs of this product. */
  rows,
  /** Table of groups (abi/products.ts); their biases are not read. */
  groups,
  chunksPerGroup,
  /** Columns of a chunk, a multiple of TILE_ROWS. */
  chunkColumns,
  /** Rows of floats, with room for `rows` rounded up to TILE_ROWS. */
  input,
  /** Bytes from one of them to the next. */
  inputStride,
  /** Rows of `columns` floats. */
  output,
  outputStride,
  /** 1: the product is added to the output. */
  adds,
  /** PANEL_BYTES of scratch for each thread. */
  panels,
}

/** Rows of a matrix that are held unpacked at once, 8 columns of each. */
export const PANEL_ROWS = 1024
export const PANEL_BYTES = PANEL_ROWS * 32

/** Backward pass of gates and activation, item by item (assembly/gate-backward.ts). */
export enum GateBackwardArg {
  /** In: rows before the activation. Out: gate times activated rows. */
  z,
  /** In: gradients of the gated, activated rows. Out: gradients of the rows before the activation. */
  u,
  /** Bytes from one row to the next, of both. */
  stride,
  /** Columns, rounded up to 4. */
  columns,
  items,
  chunkItems,
  /** Gates: a float per item; or 0 for gates of 1. */
  gates,
  /** Gradients of the gates: a float per item; or 0. */
  gateGradients,
  /** Activation. */
  activation,
}

/** Backward pass of LayerNorm or RMSNorm (assembly/norm-backward.ts). */
export enum NormBackwardArg {
  /** Inputs of the norm: rows of floats, padded with zeros. */
  x,
  /** Bytes from one row to the next, the same for all. */
  stride,
  columns,
  tokens,
  chunkTokens,
  /** Gradients of the normalised rows; they are overwritten. */
  gradient,
  /** Rows that may be overwritten. */
  scratch,
  /** Gradients of x; the result is added to them. */
  output,
  /** NormKind. */
  kind,
  /** f32. */
  epsilon,
  weight,
}

export enum StickPhase {
  /** Outputs and weights of queries. */
  forward,
  /** Records of the outputs. */
  records,
  /** Gradients of queries. */
  queries,
  /** Gradients of keys and values. */
  keys,
}

/** Stick-breaking attention of one whole sequence, forward and backward (assembly/stick-training.ts). */
export enum StickArg {
  /** StickPhase. */
  phase,
  /** Queries: k rows of floats per token. */
  q,
  /** Outputs; in the backward phases, their gradients. */
  o,
  /** Gradients of the queries. */
  dq,
  /** Bytes from one row to the next, of these three. */
  stride,
  /** One row per token. */
  keys,
  values,
  /** Bytes from one row to the next, of both. */
  keyStride,
  dKeys,
  /** The same as dKeys if K = V; both gradients are then added up. */
  dValues,
  /** Bytes from one row to the next, of both. */
  dStride,
  channels,
  heads,
  k,
  tokens,
  /** Items (queries, or keys) times heads in a chunk. */
  chunkUnits,
  /** f32: 1 / sqrt(channels of a head). */
  scale,
  /** f32: remaining length of the stick below which older keys are not visited. */
  enough,
  /** For each query and head: the weights of the keys, newest first, then the share of the stick that each takes. */
  weights,
  /** Bytes of these weights per query and head. */
  weightBytes,
  /** u32 per query and head: number of visited keys. */
  depths,
  /** Largest of these numbers. */
  deepest,
  /** Records of the outputs. */
  records,
  recordStride,
  /** `channels` rounded up to TILE_COLUMNS. */
  padded,
}

/** Cross-entropy of rows of logits, and its gradient (assembly/cross-entropy.ts). */
export enum CrossEntropyArg {
  /** Rows of floats; with `weights` they become the gradients. */
  logits,
  /** Bytes from one to the next. */
  stride,
  count,
  rows,
  /** u32 per row: the logit that should be the largest. */
  targets,
  /** Factor of each row's gradient: a float per row; or 0 if no gradient is wanted. */
  weights,
  /** CROSS_ENTROPY_BYTES per row. */
  results,
}

/** Byte offsets in a row's result. Its loss is log(sum) + largest - target. */
export enum CrossEntropyField {
  /** f64: sum of e^(logit - largest). */
  sum = 0,
  /** f32. */
  largest = 8,
  /** f32: the target's logit. */
  target = 12,
}
export const CROSS_ENTROPY_BYTES = 16

export enum AdamWPhase {
  /** Sums of the squares of the gradients, an f64 per chunk. */
  squares,
  update,
}

/** The optimiser (assembly/adamw.ts). */
export enum AdamWArg {
  /** AdamWPhase. */
  phase,
  /** Number of floats in each array, a multiple of 4. */
  count,
  /** Floats of a chunk, a multiple of 4. */
  chunkCount,
  weights,
  gradients,
  firstMoments,
  secondMoments,
  /** f64 per chunk. */
  sums,
  /** f32: factor of the gradients, from clipping. */
  gradientScale,
  /** f32. */
  beta1,
  /** f32. */
  beta2,
  /** f32: learning rate over 1 - beta1^t. */
  rate,
  /** f32: 1 / (1 - beta2^t). */
  secondScale,
  /** f32. */
  epsilon,
  /** f32: factor of the weights for their decay, 1 - learning rate * decay. */
  keep,
}
