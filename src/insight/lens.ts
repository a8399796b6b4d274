import type { Model } from '../api/model.js'
import type { ReadOut, TokenEffect } from '../api/read-out.js'
import type { LayerRoutes } from '../api/routes.js'
import type { Session } from '../api/session.js'
import { UserError } from '../ground/errors.js'
import type { PerMixture } from '../model/config/config.js'
import type { ExpertMask } from '../model/config/expert-mask.js'
import { cut, useSession } from './texts/reading.js'
import type { ExpertPlace } from './usage/awake.js'
import { type Reader, readerOf } from './usage/text-routes.js'

/** A woken expert, and what its output says through the model's own head. */
export interface SpokenExpert extends ExpertPlace {
  gate: number
  /** Length of what it adds to the residual stream, divided by the length of the stream after the layer. */
  share: number
  /** Tokens whose logits it raises and lowers most, in the text's own units: the last norm divides by the whole stream. */
  up: TokenEffect[]
  down: TokenEffect[]
}

/** A token, and what each expert that it wakes says. */
export interface Lens {
  model: Reader
  /** The tokens up to the one that is looked at. */
  tokens: readonly number[]
  /** Layer by layer, attention before MLP, by falling gates. */
  experts: SpokenExpert[]
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
 * effect of the layer. Rejects with a UserError for a model that normalises or scales them after they are summed.
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
  if (model.config.changesOutputs) {
    throw new UserError(
      `the lens is for models whose layers add the experts’ outputs as they are: ${model.name} changes them`,
    )
  }
  const layers = Array.from({ length: model.config.layers }, (_, layer) => layer)
  const before = tokens.slice(session.length, -1)
  if (before.length > 0) await session.forward(before, { logits: 'none', signal })
  const { routes, hidden, expertOutputs } = await session.forward(tokens.slice(-1), {
    logits: 'none',
    routes: true,
    hidden: layers,
    expertOutputs: layers,
    signal,
  })
  const added = layers.flatMap((layer) => addedBy(model, layer, routes[layer], expertOutputs?.[layer] ?? {}))
  const stream = hidden[layers.length - 1]
  const readOuts: ReadOut[] = []
  // Other sequences run between the calls.
  for (const rows of cut([...added.map(({ row }) => row), stream], ROWS)) {
    signal?.throwIfAborted()
    readOuts.push(...(await model.readOut(rows, { top })))
  }
  const { divisor } = readOuts[added.length]
  const scaled = (effects: TokenEffect[]) => effects.map(({ token, value }) => ({ token, value: value / divisor }))
  const experts = added.map(({ row, place, gate }, i): SpokenExpert => {
    const share = lengthOf(row) / lengthOf(hidden[place.layer])
    return { ...place, gate, share, up: scaled(readOuts[i].up), down: scaled(readOuts[i].down) }
  })
  return { model: readerOf(model), tokens, experts }
}

interface Added {
  place: ExpertPlace
  gate: number
  /** Row that the expert adds to the residual stream [d]. */
  row: Float32Array
}

function addedBy(
  { config }: Pick<Model, 'config'>,
  layer: number,
  routes: LayerRoutes,
  outputs: PerMixture<Float32Array>,
): Added[] {
  const { width, residualScale = 1, mixtures } = config
  return mixtures.flatMap(({ kind }) => {
    const { ids = [], gates = [] } = routes[kind] ?? {}
    return Array.from(ids, (expert, slot) => {
      const gate = gates[slot]
      const y = outputs[kind]?.subarray(slot * width, (slot + 1) * width) ?? new Float32Array(width)
      return { place: { kind, layer, expert }, gate, row: y.map((value) => value * gate * residualScale) }
    })
  })
}

function lengthOf(row: Float32Array): number {
  return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
}
