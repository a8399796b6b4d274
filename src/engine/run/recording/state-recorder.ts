import { UserError } from '../../../ground/errors.js'
import {
  type Mixture,
  type ModelConfig,
  mixtureOf,
  type PerMixture,
  perMixture,
  routerRows,
} from '../../../model/config/config.js'
import { usedIn } from '../../../model/config/experts-per-token.js'
import type { Taps } from '../../../model/layers/taps.js'
import type { ForwardRequest } from '../messages/protocol.js'

/** Copies states of a request's tokens: the residual stream, logits of routers, and outputs of the experts. */
export class StateRecorder {
  readonly hidden?: Float32Array[]
  readonly expertOutputs?: PerMixture<Float32Array>[]
  readonly routerLogits?: PerMixture<Float32Array>[]
  readonly sharedOutputs?: Float32Array[]
  private batch = 0

  constructor(
    private readonly config: ModelConfig,
    private readonly request: Pick<
      ForwardRequest,
      'tokens' | 'hidden' | 'expertOutputs' | 'routerLogits' | 'sharedOutputs'
    >,
  ) {
    const { tokens, hidden, expertOutputs, routerLogits, sharedOutputs } = request
    const rows = (count: number) => roomFor(count, config.width, 'states')
    if (hidden === true) this.hidden = Array.from({ length: config.layers }, () => rows(1))
    else if (hidden) this.hidden = hidden.map(() => rows(tokens.length))
    const mixturesIn = (layer: number) => config.mixtures.filter(({ experts }) => experts[layer] > 0)
    this.expertOutputs = expertOutputs?.map((layer) => {
      return perMixture(mixturesIn(layer), (mixture) => rows(tokens.length * usedIn(mixture, layer)))
    })
    this.routerLogits = routerLogits?.map((layer) => {
      const logits = (mixture: Mixture) => roomFor(tokens.length, routerRows(mixture, layer), 'logits')
      return perMixture(mixturesIn(layer), logits)
    })
    // The first batch shows which layers have a shared expert.
    this.sharedOutputs = sharedOutputs?.map(() => new Float32Array(0))
  }

  /** Puts the next batch's states after the states of `done` tokens. */
  at(done: number): void {
    this.batch = done
  }

  get residual(): Taps['residual'] {
    const { hidden, config, request } = this
    if (!hidden) return undefined
    const layers = request.hidden
    if (typeof layers !== 'object') return (layer, count, row) => hidden[layer].set(row(count - 1))
    return (layer, count, row) => {
      const rows = hidden[layers.indexOf(layer)]
      for (let i = 0; rows && i < count; i++) rows.set(row(i), (this.batch + i) * config.width)
    }
  }

  get outputs(): Taps['outputs'] {
    const { expertOutputs, config, request } = this
    if (!expertOutputs) return undefined
    return (layer, kind, items, row) => {
      const mixture = mixtureOf(config, kind)
      const rows = expertOutputs[request.expertOutputs?.indexOf(layer) ?? -1]?.[kind]
      const first = mixture ? this.batch * usedIn(mixture, layer) : 0
      for (let i = 0; rows && i < items; i++) rows.set(row(i), (first + i) * config.width)
    }
  }

  get logits(): Taps['routerLogits'] {
    const { routerLogits, request } = this
    if (!routerLogits) return undefined
    return (layer, kind, logits) => {
      const rows = routerLogits[request.routerLogits?.indexOf(layer) ?? -1]?.[kind]
      rows?.set(logits, (this.batch * rows.length) / request.tokens.length)
    }
  }

  get shared(): Taps['shared'] {
    const { sharedOutputs, config, request } = this
    if (!sharedOutputs) return undefined
    return (layer, count, row) => {
      const at = request.sharedOutputs?.indexOf(layer) ?? -1
      if (at < 0) return
      if (sharedOutputs[at].length === 0) sharedOutputs[at] = roomFor(request.tokens.length, config.width, 'states')
      for (let i = 0; i < count; i++) sharedOutputs[at].set(row(i), (this.batch + i) * config.width)
    }
  }
}

/** Memory for rows of a reply. Throws a UserError if there is none. */
export function roomFor(rows: number, width: number, what: string): Float32Array {
  try {
    return new Float32Array(rows * width)
  } catch {
    throw new UserError(`${what} of ${rows} rows, ${width} numbers each, do not fit into memory; ask for fewer at once`)
  }
}
