import { UserError } from '../../ground/errors.js'
import {
  anyOf,
  type Form,
  isFlag,
  isNumber,
  isText,
  listOf,
  listOfEach,
  oneOf,
  whole,
} from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'
import type { Mixture, MixtureKind } from './config.js'
import type { AlwaysChosen, Routing } from './routing.js'

/** Limit of layers: far above any model, and low enough for arrays of this length to be harmless. */
const LARGEST_SIZE = 2 ** 24
const MOST_LAYERS = 2 ** 12
/** Limit of experts of one kind in all layers together: each is a part that the host keeps track of. */
const MOST_EXPERTS = 2 ** 16
const MOST_LABELS = 2 ** 16

/** transformers' default for `num_labels`. */
const DEFAULT_LABELS = 2

/** Typed access to the keys of a config.json; errors name the file and the key. */
export class ConfigReader {
  constructor(
    /** The keys, with defaults filled in. */
    readonly raw: Record<string, unknown>,
    /** Name of the file, the beginning of error messages. */
    readonly source: string,
    /** The keys that the file has, with defaults, whatever a family has replaced. */
    readonly file: Record<string, unknown> = raw,
  ) {}

  /** A reader of the same file with some keys replaced. */
  with(keys: Record<string, unknown>): ConfigReader {
    return new ConfigReader({ ...this.raw, ...keys }, this.source, this.file)
  }

  has(key: string): boolean {
    return this.raw[key] !== undefined && this.raw[key] !== null
  }

  /** The value of a key. Throws a UserError if it has another form, which `mustBe` has in words. */
  as<T>(key: string, form: Form<T>, mustBe: string): T {
    const value = this.raw[key]
    if (form(value)) return value
    throw this.refuse(key, mustBe)
  }

  size(key: string, least = 1, most = LARGEST_SIZE): number {
    return this.as(key, whole(least, most), `an integer from ${least} to ${most}`)
  }

  layers(key: string): number {
    return this.size(key, 1, MOST_LAYERS)
  }

  positive(key: string): number {
    return this.as(key, isPositive, 'a number above 0')
  }

  sizePerLayer(key: string, layers: number, least = 1): number[] {
    const sizes = listOf(whole(least, LARGEST_SIZE), { least: layers, most: layers })
    return this.as(key, sizes, `a list of ${layers} integers from ${least}, one per layer`)
  }

  everywhere(layers: number, key: string): number[] {
    return new Array<number>(layers).fill(this.size(key))
  }

  flag(key: string): boolean {
    return this.as(key, isFlag, 'true or false')
  }

  tokenId(key: string): number | null {
    return this.as(key, anyOf(isId, oneOf([null])), 'a token id or null')
  }

  /** One id, a list of them, or none. */
  tokenIds(key: string): number[] {
    const none = oneOf([null, undefined])
    return [this.as(key, anyOf(anyOf(isId, none), listOf(isId)), 'a token id, a list of them, or null') ?? []].flat()
  }

  oneOf<T extends string>(key: string, known: readonly T[]): T {
    return this.as(key, oneOf(known), `one of ${known.join(', ')}`)
  }

  /** A list with one of the known names for each of `layers` layers. */
  oneOfEach<T extends string>(key: string, layers: number, known: readonly T[]): T[] {
    const list: unknown = this.raw[key]
    if (!Array.isArray(list) || list.length !== layers) throw this.refuse(key, `a list of ${layers} types`)
    return list.map((type: unknown, layer) => {
      const found = known.find((name) => name === type)
      if (found !== undefined) return found
      throw new UserError(`${this.source}: ${key}[${layer}] must be one of ${known.join(', ')}, not ${quoted(type)}`)
    })
  }

  layerNumbers(key: string): Set<number> {
    return new Set(this.as(key, listOf(isId), 'a list of layers'))
  }

  /** Class names of a classifier. */
  labels(): string[] {
    const { id2label, num_labels: count = DEFAULT_LABELS } = this.raw
    if (id2label === undefined || id2label === null) {
      const length = this.with({ num_labels: count }).size('num_labels', 1, MOST_LABELS)
      return Array.from({ length }, (_, i) => `LABEL_${i}`)
    }
    const names = isObject(id2label) ? Object.keys(id2label).map((_, i) => id2label[i]) : []
    if (listOf(isText, { least: 1 })(names)) return names
    throw new UserError(`${this.source}: id2label must name the labels 0, 1, 2 and so on without a gap`)
  }

  /**
   * A mixture of `counts` experts per layer. The key `molm_experts` of a pruned or grafted model overrides the counts,
   * and the ids of experts that every token uses. A rule given as a function is read after the counts are checked.
   */
  mixture(kind: MixtureKind, counts: number[], topKKey: string, rule?: Routing | (() => Routing)): Mixture {
    const own = this.raw.molm_experts
    const experts = own === undefined ? counts : this.perLayer(own, kind, counts, 1, 'molm_experts')
    const silent = isObject(own) ? own.silent : undefined
    const silentRows = silent === undefined ? undefined : this.perLayer(silent, kind, counts, 0, 'molm_experts.silent')
    const total = experts.reduce((sum, count) => sum + count, 0)
    if (total > MOST_EXPERTS) {
      throw new UserError(
        `${this.source}: asks for ${total} ${kind} experts in all layers, at most ${MOST_EXPERTS} are run`,
      )
    }
    const topK = this.size(topKKey)
    const least = experts.reduce((least, count) => (count > 0 ? Math.min(least, count) : least), LARGEST_SIZE)
    if (topK <= least) {
      const routing = typeof rule === 'function' ? rule() : rule
      const always = this.alwaysLists(kind, routing)
      if (own !== undefined && routing?.groups) {
        throw new UserError(`${this.source}: molm_experts cannot change experts that are chosen by groups`)
      }
      const newExperts = this.newExperts(isObject(own) ? own.newcomers : undefined, kind, experts)
      return {
        kind,
        experts,
        topK,
        ...(silentRows && { silentRows }),
        ...(newExperts && { newExperts }),
        ...(routing && { routing: this.routing(routing, { kind, experts, topK, always }) }),
      }
    }
    throw new UserError(`${this.source}: ${topKKey} ${topK} is more than the ${least} experts that a layer has`)
  }

  /** Whether every router of a pruned or grafted model has a bias. */
  get gateBias(): boolean {
    const own = this.raw.molm_experts
    return isObject(own) && own.gate_bias === true
  }

  refuse(key: string, expected: string): UserError {
    return new UserError(`${this.source}: ${key} must be ${expected}, not ${quoted(this.raw[key])}`)
  }

  /** The family's rule, with the ids that `molm_experts` names of experts that every token uses. */
  private routing(
    rule: Routing,
    { kind, experts, topK, always: lists }: Pick<Mixture, 'kind' | 'experts' | 'topK'> & { always?: unknown[] },
  ): Routing {
    if (rule.always === undefined) return rule
    const always = rule.always.map(({ ids, isApart }, layer): AlwaysChosen => {
      const own: unknown = lists ? lists[layer] : ids
      if (idsBelow(experts[layer])(own) && own.length === ids.length && own.length <= topK) return { ids: own, isApart }
      const name = lists === undefined ? 'the experts that every token uses' : `molm_experts.always.${kind}`
      throw new UserError(
        `${this.source}: ${name} must be at most ${topK} ids, rising, from 0 to ${experts[layer] - 1} in layer ${layer}`,
      )
    })
    return { ...rule, always }
  }

  /** Ids by layer that `molm_experts` names of experts that every token uses; undefined if it names none. */
  private alwaysLists(kind: MixtureKind, rule?: Routing): unknown[] | undefined {
    const own = this.raw.molm_experts
    const named = isObject(own) ? own.always : undefined
    const lists = isObject(named) ? named[kind] : named
    if (lists === undefined) return undefined
    const name = `${this.source}: molm_experts.always${isObject(named) ? `.${kind}` : ''}`
    if (rule?.always === undefined) throw new UserError(`${name} has no meaning: no expert is used by every token`)
    if (isObject(named) && Array.isArray(lists)) return lists
    throw new UserError(`${name} must list ids of experts for each layer, not ${quoted(lists)}`)
  }

  /** Ids of each layer's experts that were taught later; undefined if none are named. */
  private newExperts(of: unknown, kind: MixtureKind, experts: number[]): number[][] | undefined {
    const lists = isObject(of) ? of[kind] : undefined
    if (of === undefined || (isObject(of) && lists === undefined)) return undefined
    if (listOfEach(experts.map(idsBelow))(lists)) return lists
    throw new UserError(
      `${this.source}: molm_experts.newcomers.${kind} must list ids of experts, rising, for each layer`,
    )
  }

  /** A list of one number per layer; a number is 0 exactly if the layer has no experts of this kind. */
  private perLayer(of: unknown, kind: MixtureKind, counts: number[], least: number, name: string): number[] {
    const list = isObject(of) ? of[kind] : undefined
    const numbers = counts.map((count) => (count === 0 ? whole(0, 0) : whole(least, LARGEST_SIZE)))
    if (listOfEach(numbers)(list)) return list
    throw new UserError(
      `${this.source}: ${name}.${kind} must be a list of ${counts.length} numbers of experts, one per layer`,
    )
  }
}

const isId = whole(0, LARGEST_SIZE)

function isPositive(value: unknown): value is number {
  return isNumber(value) && value > 0
}

/** A list of ids of `count` experts, in rising order. */
function idsBelow(count: number): Form<number[]> {
  const areIds = listOf(whole(0, count - 1))
  return (value): value is number[] => areIds(value) && value.every((id, i) => i === 0 || id > value[i - 1])
}

/** A config's value, shortened for an error message. */
export function quoted(value: unknown): string {
  return printable(JSON.stringify(value) ?? String(value))
}
