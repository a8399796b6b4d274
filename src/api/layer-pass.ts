/**
 * Reads windows of a text with a loaded model, one layer after another, and shows the inputs of that layer's matrices.
 * A model has one such pass at a time; its sessions are not affected. Calls must not overlap.
 */
export interface LayerPass {
  /** Begins a pass over windows of tokens, each of at most 256, and ends the one under way. */
  begin(windows: readonly Int32Array[]): Promise<void>
  /**
   * Runs the next layer. Resolves with the names, PART/PIECE, of the matrices that had inputs. An expert that no token
   * chose has none. Layers run in order, from 0 on.
   */
  layer(layer: number, options?: { signal?: AbortSignal }): Promise<string[]>
  /** Runs what follows the last layer; `inputs` then gives the inputs of the head. */
  head(): Promise<void>
  /** Inputs of a matrix of the latest layer: [count, columns]. Undefined if it had none. */
  inputs(matrix: string, columns: number): Promise<Float32Array | undefined>
  /** Ends the pass and frees its memory. */
  end(): Promise<void>
}
