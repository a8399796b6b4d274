import { readFileSync } from 'node:fs'

/** Decodes floats of expected.json: little-endian float32 in base64. */
export interface StoredFloats {
  shape: number[]
  base64: string
}

/** Routes of one kind in one layer: a row of ids and a row of gates for each token. */
interface ExpectedRoutes {
  ids: number[][]
  gates: number[][]
}

/** Results of IBM's code for a reference checkpoint. */
export interface Expected {
  prompts: Record<string, number[]>
  lastLogits: Record<string, Float32Array>
  /** tokens x vocab_size of prompt p7. */
  allLogits: Float32Array
  /** layers x n_embd: residual stream after each block, at the last token of p7. */
  blockOutputs: Float32Array
  routing: { attn: ExpectedRoutes; mlp: ExpectedRoutes }[]
  greedy: number[]
  meanCrossEntropy: number
}

/** Reads expected.json of a reference checkpoint that is a language model. */
export function readExpected(path: string): Expected {
  const json = JSON.parse(readFileSync(path, 'utf8'))
  const lastLogits = Object.entries<StoredFloats>(json.last_logits).map(([name, stored]) => [name, floatsOf(stored)])
  return {
    prompts: json.prompts,
    lastLogits: Object.fromEntries(lastLogits),
    allLogits: floatsOf(json.all_logits_p7),
    blockOutputs: floatsOf(json.block_outputs_p7_last),
    routing: json.routing_p7,
    greedy: json.greedy_p7.ids_with_cache,
    meanCrossEntropy: json.mean_cross_entropy_p48,
  }
}

export function floatsOf({ shape, base64 }: StoredFloats): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'))
  const floats = new Float32Array(bytes.buffer)
  if (floats.length !== shape.reduce((a, b) => a * b, 1))
    throw new Error('expected.json: floats do not fit their shape')
  return floats
}
