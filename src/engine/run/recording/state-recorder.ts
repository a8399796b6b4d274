import { UserError } from '../../../ground/errors.js'
import { type ModelConfig, mixtureOf, type PerMixture, perMixture } from '../../../model/config/config.js'
import { usedIn } from '../../../model/config/experts-per-token.js'
import type { Taps } from '../../../model/layers/taps.js'
import type { ForwardRequest } from '../messages/protocol.js'

/** Copies states of a request's tokens: the residual stream, and outputs of the chosen experts. */
export class StateRecorder {
  readonly hidden?: Float32Array[]
  readonly expertOutputs?: PerMixture<Float32Array>[]
  private batch = 0

  constructor(
    private readonly config: ModelConfig,
    private readonly request: Pick<ForwardRequest, 'tokens' | 'hidden' | 'expertOutputs'>,
  ) {
    const { tokens, hidden, expertOutputs } = request
    const rows = (count: number) => roomFor(count, config.width, 'states')
    if (hidden === true) this.hidden = Array.from({ length: config.layers }, () => rows(1))
    else if (hidden) this.hidden = hidden.map(() => rows(tokens.length))
    this.expertOutputs = expertOutputs?.map((layer) => {
      const mixtures = config.mixtures.filter(({ experts }) => experts[layer] > 0)
      return perMixture(mixtures, (mixture) => rows(tokens.length * usedIn(mixture, layer)))
    })
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
}

/** Memory for rows of a reply. Throws a UserError if there is none. */
export function roomFor(rows: number, width: number, what: string): Float32Array {
  try {
    return new Float32Array(rows * width)
  } catch {
    throw new UserError(`${what} of ${rows} rows, ${width} numbers each, do not fit into memory; ask for fewer at once`)
  }
}
