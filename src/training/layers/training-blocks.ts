/** The blocks of one bank in training, bound to its buffers by their architecture. */
export interface TrainingBlocks {
  /**
   * One block forward: the residual stream of the workspace goes in and out. With `keeps`, what `backward` needs is kept.
   */
  forward(layer: number, tokens: number, keeps: boolean): void
  /** a = Norm(x), with the norm that stands before the head. */
  finalNorm(tokens: number): void
  /** From the gradients of a, in `da`, to those of x, which are added to `dx`. */
  finalNormBackward(tokens: number): void
  /**
   * One block back: `dx` holds the gradients of what it gave, and afterwards of what it got. Gradients of trained experts are
   * added to theirs. In the lowest layer that is trained, only these are made.
   */
  backward(layer: number, tokens: number): void
}
