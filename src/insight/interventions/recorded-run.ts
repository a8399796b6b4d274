import type { Model } from '../../api/model.js'
import type { ForwardResult } from '../../api/session.js'
import { mixtureOf } from '../../model/config/config.js'
import type { Intervention } from '../../model/config/intervention.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { useSession } from '../texts/reading.js'
import type { ExpertPlace } from '../usage/awake.js'

type MixturePlace = Omit<ExpertPlace, 'expert'>

interface RecordOptions {
  /** Default: all. */
  layers?: readonly number[]
  signal?: AbortSignal
}

/** Output of an expert for a token, and its weight. */
interface Given {
  weight: number
  output: Float32Array
}

/** A run of a prompt, whose values interventions put into other runs at the same tokens. */
export class RecordedRun {
  private constructor(
    private readonly model: Pick<Model, 'config'>,
    private readonly length: number,
    private readonly layers: readonly number[],
    private readonly result: ForwardResult,
  ) {}

  static async read(model: Model, tokens: readonly number[], { layers, signal }: RecordOptions = {}) {
    const all = layers ?? [...Array(model.config.layers).keys()]
    const asked = { hidden: all, expertOutputs: all, routes: true, logits: 'none', signal } as const
    const result = await useSession(model, (session) => session.forward(tokens, asked))
    return new RecordedRun(model, tokens.length, all, result)
  }

  /** The residual stream after a layer. */
  residual(layer: number, token: number): Intervention {
    const { result, model, layers } = this
    const rows = result.hidden?.[layers.indexOf(layer)] ?? new Float32Array()
    return { layer, part: 'residual', tokens: [token], replace: rowOf(rows, token, model.config.width) }
  }

  /** Output and weight of an expert: zero if the token does not use it. */
  expert({ layer, kind, expert }: ExpertPlace, token: number): Intervention {
    const given = this.given({ layer, kind }, token).get(expert)
    return {
      ...{ layer, part: kind, expert, tokens: [token] },
      replace: given?.output ?? 'zero',
      weights: [given?.weight ?? 0],
    }
  }

  /** Choice, weights and outputs of a token's experts. */
  mixture({ layer, kind }: MixturePlace, token: number): Intervention[] {
    const given = this.given({ layer, kind }, token)
    const mixture = mixtureOf(this.model.config, kind)
    const always = mixture ? alwaysChosen(mixture, layer) : []
    const route = [...given.keys()].filter((id) => !always.includes(id))
    const experts = [...given.keys()].map((expert) => this.expert({ layer, kind, expert }, token))
    return route.length > 0 ? [{ layer, part: kind, tokens: [token], route }, ...experts] : experts
  }

  /** Outputs of a token's experts, by falling weights. */
  given({ layer, kind }: MixturePlace, token: number): Map<number, Given> {
    const { result, layers, length } = this
    const chosen = result.routes?.[layer][kind]
    const outputs = result.expertOutputs?.[layers.indexOf(layer)][kind]
    const given = new Map<number, Given>()
    if (!chosen || !outputs) return given
    const k = chosen.ids.length / length
    for (let i = token * k; i < (token + 1) * k; i++) {
      given.set(chosen.ids[i], { weight: chosen.gates[i], output: rowOf(outputs, i, this.model.config.width) })
    }
    return given
  }
}

function rowOf(rows: Float32Array, row: number, width: number): Float32Array {
  return rows.subarray(row * width, (row + 1) * width)
}
