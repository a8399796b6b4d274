import { UserError } from '../../ground/errors.js'
import { isCount, isNumber, listOf } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import { shown } from '../../ground/option-checks.js'
import { type MixtureKind, type ModelConfig, mixtureOf } from './config.js'
import { usedIn } from './experts-per-token.js'
import { alwaysChosen } from './routing.js'

/**
 * A change of what a layer computes for some tokens of a sequence. It has at least one of `replace`, `route` and
 * `weights`. Of several for the same token the last one counts; one for all tokens comes first.
 */
export interface Intervention {
  layer: number
  /** The experts of a kind, or the residual stream after the layer. */
  part: MixtureKind | 'residual'
  /** Only this expert. Default: all that the token uses. */
  expert?: number
  /** Positions in the sequence, from 0. Default: all. */
  tokens?: readonly number[] | 'all'
  /**
   * Takes the place of the residual stream, or of the output of an expert before its weight: `width` floats for all of
   * these tokens, or for each of them. Tokens that do not use the expert stay as they are, unless `weights` is there.
   */
  replace?: 'zero' | ArrayLike<number>
  /** Experts that the tokens use, as many as they choose, with the weights that the router gives these. */
  route?: readonly number[]
  /**
   * Weights in place of the router's: in the order of `route`, without it by falling weights. With `expert` the weight of
   * this one; with `replace`, too, a token that does not use the expert gets its output, too.
   */
  weights?: readonly number[]
}

/** An intervention, for one token. */
export interface TokenChange {
  expert?: number
  /** Replacement: of the residual stream, or of the output of the expert or of all that the token uses. */
  row?: Float32Array
  /** 1 for each expert that the router must not choose. */
  out?: Uint8Array
  /** Weight of an expert by its id and the number of its slot; undefined if it stays. */
  weightOf?: (expert: number, slot: number) => number | undefined
}

const NONE: readonly TokenChange[] = []

/** Interventions in a part of a layer, by the positions of tokens. */
export class TokenChanges {
  private readonly all: TokenChange[] = []
  private readonly byToken = new Map<number, TokenChange[]>()

  constructor(interventions: readonly Intervention[], model: ChangedModel) {
    for (const one of interventions) {
      const { tokens = 'all' } = one
      const change = changeOf(one, model)
      if (tokens === 'all') this.all.push(change)
      else
        for (const [i, token] of tokens.entries()) {
          const row = change.row && rowAt(change.row, i, model.width)
          this.byToken.set(token, [...(this.byToken.get(token) ?? NONE), { ...change, row }])
        }
    }
  }

  at(position: number): readonly TokenChange[] {
    const own = this.byToken.get(position) ?? NONE
    return this.all.length === 0 ? own : [...this.all, ...own]
  }
}

/** One of several rows; the only one for each token. */
function rowAt(rows: Float32Array, index: number, width: number): Float32Array {
  return rows.length <= width ? rows : rows.subarray(index * width, (index + 1) * width)
}

type ChangedModel = Pick<ModelConfig, 'mixtures' | 'width' | 'layers'>

/** Interventions in a part of a layer; undefined if there are none. */
export function changesIn(
  interventions: readonly Intervention[],
  { layer, part }: Pick<Intervention, 'layer' | 'part'>,
  model: ChangedModel,
): TokenChanges | undefined {
  const own = interventions.filter((one) => one.layer === layer && one.part === part)
  return own.length > 0 ? new TokenChanges(own, model) : undefined
}

function changeOf({ part, layer, expert, replace, route, weights }: Intervention, model: ChangedModel): TokenChange {
  const change: TokenChange = { expert }
  if (replace) change.row = replace === 'zero' ? new Float32Array(model.width) : new Float32Array(replace)
  const mixture = part === 'residual' ? undefined : mixtureOf(model, part)
  if (mixture && route) {
    change.out = new Uint8Array(mixture.experts[layer]).fill(1)
    for (const id of [...route, ...alwaysChosen(mixture, layer)]) change.out[id] = 0
  }
  if (weights) {
    change.weightOf = (id, slot) => {
      if (expert !== undefined) return id === expert ? weights[0] : undefined
      return route ? weights[route.indexOf(id)] : weights[slot]
    }
  }
  return change
}

/** Checks a list from untyped callers. Throws a UserError that names the first entry that is wrong or does not fit. */
export function checkInterventions(list: unknown, model: ChangedModel): asserts list is Intervention[] {
  if (!Array.isArray(list)) throw new UserError(`interventions must be a list, not ${shown(list)}`)
  for (const [i, one] of list.entries()) {
    const why = isObject(one) ? wrongIn(one, model) : 'must be an object'
    if (why !== undefined) throw new UserError(`interventions[${i}]: ${why}`)
  }
}

const FIELDS = ['layer', 'part', 'expert', 'tokens', 'replace', 'route', 'weights']

function wrongIn(one: Record<string, unknown>, model: ChangedModel): string | undefined {
  const { layer, part, expert, tokens = 'all', replace, route, weights } = one
  const unknown = Object.keys(one).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) return `${shown(unknown)} is unknown; the fields are ${FIELDS.join(', ')}`
  if (!isCount(layer) || layer >= model.layers) return `"layer" must be a number from 0 to ${model.layers - 1}`
  const kinds = model.mixtures.map(({ kind }) => kind)
  const mixture = model.mixtures.find(({ kind }) => kind === part)
  if (!mixture && part !== 'residual') return `"part" must be ${[...kinds, 'residual'].join(' or ')}`
  if (mixture?.experts[layer] === 0) return `layer ${layer} has no ${part} experts`
  if (tokens !== 'all' && !isSet(tokens)) return '"tokens" must be "all" or a list of different positions'
  if ([replace, route, weights].every((value) => value === undefined)) return 'needs "replace", "route" or "weights"'
  const rows = tokens === 'all' ? 1 : tokens.length
  const { width } = model
  const areRows = isRow(replace) && [width, rows * width].includes(replace.length)
  if (replace !== undefined && replace !== 'zero' && !areRows)
    return `"replace" must be "zero" or ${width} numbers${rows > 1 ? `, or ${rows} times as many` : ''}`
  if (!mixture) {
    const other = ['expert', 'route', 'weights'].find((field) => one[field] !== undefined)
    return other && `"${other}" is for experts, not for the residual stream`
  }
  const [count, k] = [mixture.experts[layer], usedIn(mixture, layer)]
  const isExpert = (id: unknown) => isCount(id) && id < count
  if (expert !== undefined && !isExpert(expert)) return `"expert" must be a number from 0 to ${count - 1}`
  if (expert !== undefined && route !== undefined) return '"route" goes without "expert"'
  const always = alwaysChosen(mixture, layer)
  const free = k - always.length
  const isRoute = isSet(route) && route.length === free && route.every((id) => isExpert(id) && !always.includes(id))
  if (route !== undefined && !isRoute)
    return `"route" must be a list of ${free} experts that the token chooses, from 0 to ${count - 1}`
  const wanted = expert !== undefined ? 1 : route !== undefined ? free : k
  const areWeights = listOf(isNumber, { least: wanted, most: wanted })
  if (weights !== undefined && !areWeights(weights)) return `"weights" must be a list of ${wanted} numbers`
  return undefined
}

/** Whether a value is a list of different numbers from 0 on, with at least one. */
function isSet(value: unknown): value is number[] {
  return listOf(isCount, { least: 1 })(value) && new Set(value).size === value.length
}

function isRow(value: unknown): value is ArrayLike<number> {
  return value instanceof Float32Array || listOf(isNumber)(value)
}
