import type { ForwardReply } from '#molm/engine/run/messages/protocol.js'
import { unpackRoutes } from '#molm/engine/run/messages/route-codec.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import type { ExpertMask, LayerRoutes } from '#molm/index.js'
import type { ModelConfig } from '#molm/model/config/config.js'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { type LoadedOptions, withLoaded } from './loaded-model.js'
import { read } from './run-task.js'

/*
 * Forward passes on the thread of a test: without an engine, whose thread takes longer to start than a small model to run.
 */

/** Logits after the last of these tokens, which the model reads in pieces of these sizes. */
export function lastLogits(model: Decoder, tokens: readonly number[], sizes: readonly number[]): Float32Array {
  const sequence = new Sequence(model)
  let logits: Float32Array = new Float32Array()
  let at = 0
  for (const size of sizes) {
    logits = read(sequence, tokens.slice(at, at + size)).logits
    at += size
  }
  sequence.release()
  return logits
}

/**
 * Logits after every one of these tokens, which the model reads in pieces of these sizes. For each length of `cuts` the
 * sequence is then cut back to it, and reads the rest again.
 */
export function logitsInPieces(
  model: Decoder,
  tokens: readonly number[],
  sizes: readonly number[],
  cuts: readonly number[] = [],
): Float32Array {
  const { vocabSize } = model.config
  const logits = new Float32Array(tokens.length * vocabSize)
  const sequence = new Sequence(model)
  const readFrom = (at: number, count: number) => {
    const piece = tokens.slice(at, at + count)
    logits.set(read(sequence, piece, { logits: 'all' }).logits, at * vocabSize)
  }
  let at = 0
  for (const size of sizes) {
    readFrom(at, size)
    at += size
  }
  for (const length of cuts) {
    sequence.truncate(length)
    logits.fill(Number.NaN, length * vocabSize)
    readFrom(length, tokens.length - length)
  }
  sequence.release()
  return logits
}

/**
 * Result of a forward pass: logits of all tokens, routes and outputs of the experts of all layers, and outputs of all blocks
 * at the last token.
 */
export interface PassedHere extends Pick<ForwardReply, 'expertOutputs' | 'sharedOutputs'> {
  logits: Float32Array
  routes: LayerRoutes[]
  hidden: Float32Array[]
}

/** Runs tokens through the model in a folder. `masked` chooses experts to take away. */
export function forwardHere(
  path: string,
  tokens: readonly number[],
  { masked, ...options }: LoadedOptions & { masked?: (config: ModelConfig) => ExpertMask } = {},
): Promise<PassedHere> {
  return withLoaded(path, options, ({ model }) => {
    model.masks.set(masked?.(model.config))
    return passHere(model, tokens)
  })
}

/** Runs tokens through a loaded model. */
export function passHere(model: Decoder, tokens: readonly number[]): PassedHere {
  const sequence = new Sequence(model)
  const layers = [...Array(model.config.layers).keys()]
  const asked = { logits: 'all', routes: true, hidden: true, expertOutputs: layers, sharedOutputs: layers } as const
  const { logits, routes, hidden, ...outputs } = read(sequence, tokens, asked)
  sequence.release()
  if (!routes || !hidden) throw new Error('the model reports no routes or no outputs of blocks')
  return { logits, routes: unpackRoutes(routes, model.config, tokens.length), hidden, ...outputs }
}

/** The tokens of the largest logits, one after the other. */
export function greedyHere(model: Decoder, prompt: readonly number[], count: number): number[] {
  const sequence = new Sequence(model)
  const tokens: number[] = []
  for (let next = prompt; tokens.length < count; next = tokens.slice(-1)) {
    const { logits } = read(sequence, next)
    tokens.push(logits.indexOf(Math.max(...logits)))
  }
  sequence.release()
  return tokens
}
