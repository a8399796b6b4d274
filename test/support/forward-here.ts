import { Sequence } from '#molm/engine/sequence.js'
import type { Decoder } from '#molm/nn/decoder.js'
import { runTask } from './run-task.js'

/** Logits after the last token. The model reads the tokens on this thread, in pieces of the given sizes. */
export function lastLogits(model: Decoder, tokens: readonly number[], sizes: readonly number[]): Float32Array {
  const sequence = new Sequence(model)
  let logits: Float32Array = new Float32Array()
  let at = 0
  for (const size of sizes) {
    const piece = Int32Array.from(tokens.slice(at, at + size))
    const request = { kind: 'forward', session: 0, tokens: piece, logits: 'last', routes: false } as const
    logits = runTask(
      model,
      sequence.forward({ ...request, probabilities: false, outputNorms: false, hidden: false }, new Int32Array(1)),
    ).logits
    at += size
  }
  sequence.release()
  return logits
}
