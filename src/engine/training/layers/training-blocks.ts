/** Blocks of one bank in training, bound to its buffers by the family. */
export interface TrainingBlocks {
  /** Runs a block forward on the residual stream. With `keeps`, it keeps the states that `backward` needs. */
  forward(layer: number, tokens: number, keeps: boolean): void
  /** Runs the norm before the head: a = Norm(x). */
  finalNorm(tokens: number): void
  /** Adds the gradients of x to `dx`, from the gradients of a in `da`. */
  finalNormBackward(tokens: number): void
  /**
   * Runs a block backward: turns the gradients of its output, in `dx`, into gradients of its input, and adds the
   * gradients of trained experts. In the lowest trained layer it only does the latter.
   */
  backward(layer: number, tokens: number): void
}
