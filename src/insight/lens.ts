import type { Model } from '../api/model.js'
import type { ReadOut, TokenEffect } from '../api/read-out.js'
import type { Session } from '../api/session.js'
import type { ExpertMask } from '../model/config/expert-mask.js'
import { cut, useSession } from './texts/reading.js'
import type { ExpertPlace } from './usage/awake.js'
import { type Reader, readerOf } from './usage/text-routes.js'
import { routesOfToken } from './usage/token-routes.js'

/** A woken expert, and what its output says through the model's own head. */
export interface SpokenExpert extends ExpertPlace {
  gate: number
  /** Length of what it adds to the residual stream, divided by the length of the stream after the layer. */
  share: number
  /** Tokens whose logits it raises and lowers most, in the text's own units: the last norm divides by the whole stream. */
  up: TokenEffect[]
  down: TokenEffect[]
  /** Logit that it adds to the token that followed. Only in `chose`. */
  effect?: number
}

/** A token: what each expert that it wakes says after it, and what the experts of the token before it said of it. */
export interface Lens {
  model: Reader
  /** The tokens up to the one that is looked at. */
  tokens: readonly number[]
  /** Layer by layer, attention before MLP, by falling gates. */
  experts: SpokenExpert[]
  /** Experts of the token before, with their effects on this one; none for the first token. */
  chose: SpokenExpert[]
}

/** Rows that the head reads at once. */
const ROWS = 16

export interface LensOptions {
  /** Tokens of each list. Default 5. */
  top?: number
  mask?: ExpertMask
  signal?: AbortSignal
}

/**
 * Reads a text up to a token, and what the token's experts add to the residual stream through the last norm and the head:
 * the logit lens, for each expert by itself. What it finds is linear: the effects of all experts of a layer add up to the
 * effect of the layer. A norm of their sum divides each by the length of the whole sum.
 */
export function lensOf(model: Model, tokens: readonly number[], options: LensOptions = {}): Promise<Lens> {
  return useSession(model, (session) => readLens(model, session, tokens, options), { mask: options.mask })
}

/** The same in a session that may have read the beginning of the tokens already. */
export async function readLens(
  model: Model,
  session: Session,
  tokens: readonly number[],
  { top = 5, signal }: Omit<LensOptions, 'mask'>,
): Promise<Lens> {
  const layers = Array.from({ length: model.config.layers }, (_, layer) => layer)
  const from = Math.max(0, tokens.length - 2)
  const kept = session.truncateToCommon(tokens.slice(0, from + 1))
  if (kept < from) await session.forward(tokens.slice(kept, from), { logits: 'none', signal })
  const read = await session.forward(tokens.slice(from), {
    logits: 'none',
    routes: true,
    hidden: layers,
    expertOutputs: layers,
    sharedOutputs: layers,
    signal,
  })
  const count = tokens.length - from
  const voicesOf = async (row: number, token?: number): Promise<SpokenExpert[]> => {
    const streams = read.hidden.map((rows) => rowOf(rows, row, count))
    const mixtures = layers.flatMap((layer) => {
      return model.config.mixtures.flatMap(({ kind }) => {
        const { ids = [], gates = [] } = routesOfToken(read.routes[layer], row, count)[kind] ?? {}
        if (ids.length === 0) return []
        const outputs = rowOf(read.expertOutputs?.[layer][kind] ?? new Float32Array(0), row, count)
        const rows = Array.from(gates, (gate, slot) => rowOf(outputs, slot, ids.length).map((value) => value * gate))
        return [{ kind, layer, ids, gates, rows }]
      })
    })
    const factors = await model.outputFactors(
      mixtures.map(({ layer, rows }) => {
        const shared = rowOf(read.sharedOutputs?.[layer] ?? new Float32Array(0), row, count)
        return { layer, routed: sumOf(rows), ...(shared.length > 0 && { shared }) }
      }),
    )
    const added = mixtures.flatMap(({ kind, layer, ids, gates, rows }, i) => {
      const { after, last } = factors[i]
      return rows.map((row, slot) => ({
        place: { kind, layer, expert: ids[slot] },
        gate: gates[slot],
        share: lengthOf(times(row, after)) / lengthOf(streams[layer]),
        row: times(row, last),
      }))
    })
    const readOuts: ReadOut[] = []
    // Other sequences run between the calls.
    for (const rows of cut([...added.map(({ row }) => row), streams[layers.length - 1]], ROWS)) {
      signal?.throwIfAborted()
      readOuts.push(...(await model.readOut(rows, { top, token })))
    }
    const { divisor } = readOuts[added.length]
    const scaled = (effects: TokenEffect[]) => effects.map(({ token, value }) => ({ token, value: value / divisor }))
    return added.map(({ place, gate, share }, i) => {
      const { up, down, effect } = readOuts[i]
      const own = { ...place, gate, share, up: scaled(up), down: scaled(down) }
      return effect === undefined ? own : { ...own, effect: effect / divisor }
    })
  }
  const chose = count > 1 ? await voicesOf(0, tokens[tokens.length - 1]) : []
  return { model: readerOf(model), tokens, experts: await voicesOf(count - 1), chose }
}

function rowOf(rows: Float32Array, row: number, count: number): Float32Array {
  const size = rows.length / count
  return rows.subarray(row * size, (row + 1) * size)
}

function sumOf(rows: readonly Float32Array[]): Float32Array {
  return rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0))
}

function times(row: Float32Array, factors: Float32Array): Float32Array {
  return row.map((value, i) => value * factors[i])
}

function lengthOf(row: Float32Array): number {
  return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
}
