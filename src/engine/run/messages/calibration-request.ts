/*
 * A model reads a text layer by layer, to show the inputs of its matrices. Only inputs of one layer are in memory.
 */

/**
 * `begin` with windows of tokens, each of at most a micro-batch, then `layer` for each layer in order, then `head`. The
 * inputs of a matrix of the latest layer, or of the head, come with `inputs`. `end` frees the memory.
 */
export type CalibrationStep =
  | { step: 'begin'; windows: readonly Int32Array[] }
  | { step: 'layer'; layer: number }
  | { step: 'head' }
  | { step: 'inputs'; matrix: string; columns: number }
  | { step: 'end' }

export type CalibrationRequest = { kind: 'calibrate' } & CalibrationStep
