/** Natural logarithms of the softmax of logits, in double precision. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits)
  const most = values.reduce((a, b) => Math.max(a, b))
  const sum = values.reduce((total, value) => total + Math.exp(value - most), 0)
  return values.map((value) => value - most - Math.log(sum))
}

/** Row `i` of a matrix of `width` columns. */
export function rowOf(matrix: Float32Array, i: number, width: number): Float32Array {
  return matrix.subarray(i * width, (i + 1) * width)
}

/** Mean cross-entropy of predicting each token from the row of logits before it. */
export function meanCrossEntropy(logits: Float32Array, tokens: number[], vocab: number): number {
  let sum = 0
  for (let i = 1; i < tokens.length; i++) sum -= logSoftmax(rowOf(logits, i - 1, vocab))[tokens[i]]
  return sum / (tokens.length - 1)
}
