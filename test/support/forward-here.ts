import type { ForwardReply, ForwardRequest } from '#molm/engine/protocol.js'
import { unpackRoutes } from '#molm/engine/route-codec.js'
import { Sequence } from '#molm/engine/sequence.js'
import type { ExpertMask, LayerRoutes } from '#molm/index.js'
import type { ModelConfig } from '#molm/model/config.js'
import type { Decoder } from '#molm/nn/decoder.js'
import { withLoaded } from './loaded-model.js'
import { runTask } from './run-task.js'

/*
 * Forward passes on the thread of a test: without an engine, whose thread takes longer to start than a small model to run.
 */

/** Logits after the last of these tokens, which the model reads in pieces of these sizes. */
export function lastLogits(model: Decoder, tokens: readonly number[], sizes: readonly number[]): Float32Array {
  const sequence = new Sequence(model)
  let logits: Float32Array = new Float32Array()
  let at = 0
  for (const size of sizes) {
    logits = read(model, sequence, tokens.slice(at, at + size), { logits: 'last', routes: false }).logits
    at += size
  }
  sequence.release()
  return logits
}

/** Logits of all tokens and the routes of all layers, of a model in a folder whose experts may be masked. */
export function forwardHere(
  path: string,
  tokens: readonly number[],
  mask?: (config: ModelConfig) => ExpertMask,
): Promise<{ logits: Float32Array; routes: LayerRoutes[] }> {
  return withLoaded(path, {}, ({ model }) => {
    model.maskExperts(mask?.(model.config))
    const sequence = new Sequence(model)
    const { logits, routes } = read(model, sequence, tokens, { logits: 'all', routes: true })
    sequence.release()
    if (!routes) throw new Error('the model reports no routes')
    return { logits, routes: unpackRoutes(routes, model.config, tokens.length) }
  })
}

function read(
  model: Decoder,
  sequence: Sequence,
  tokens: readonly number[],
  wanted: Pick<ForwardRequest, 'logits' | 'routes'>,
): ForwardReply {
  const request: ForwardRequest = {
    kind: 'forward',
    session: 0,
    tokens: Int32Array.from(tokens),
    probabilities: false,
    hidden: false,
    ...wanted,
  }
  return runTask(model, sequence.forward(request, new Int32Array(1)))
}
