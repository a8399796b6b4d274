import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { type Mixture, type MixtureKind, perMixture } from '../../model/config/config.js'
import { type ExpertMask, type MaskedUse, masksFit } from '../../model/config/expert-mask.js'
import type { WholeText } from './text-parts.js'
import { WAYS, type Way } from './worth.js'

export interface Condition {
  /** Name in the journal: `3:mlp off`, `3:mlp:5 around`. */
  name: string
  mask: ExpertMask
  /** Numbers of the parts whose tokens use these experts. The losses of all other parts stay the same, to the bit. */
  parts: number[]
}

export interface LayerCondition extends Condition {
  kind: MixtureKind
  layer: number
}

/** One expert, and the conditions that take it away. */
export interface ExpertConditions {
  place: ExpertPlace
  uses: number
  conditions: (Condition & { way: Way })[]
}

interface ConditionOptions {
  only?: MixtureKind
  layers?: readonly number[]
  ways?: readonly Way[]
}

export class Conditions {
  /** Layers to measure, with each kind of experts that they have. */
  private readonly places: { mixture: Mixture; layer: number }[]
  private readonly ways: readonly Way[]

  constructor(
    private readonly model: Pick<Model, 'config' | 'mask'>,
    private readonly whole: WholeText,
    { only, layers: chosen, ways = WAYS }: ConditionOptions,
  ) {
    const { mixtures, layers } = model.config
    const wrong = chosen?.find((layer) => !(layer >= 0 && layer < layers))
    if (wrong !== undefined) throw new UserError(`there is no layer ${wrong}: the model has 0 to ${layers - 1}`)
    this.ways = ways
    this.places = [...Array(layers).keys()]
      .filter((layer) => chosen?.includes(layer) ?? true)
      .flatMap((layer) => mixtures.map((mixture) => ({ mixture, layer })))
      .filter(({ mixture, layer }) => mixture.experts[layer] > 0 && mixture.kind === (only ?? mixture.kind))
    if (this.places.length === 0) throw new UserError(`there are no ${only ?? ''} experts in these layers`)
  }

  /** Layers without the outputs of all their experts. */
  layers(): LayerCondition[] {
    const allParts = this.whole.losses.map((_, part) => part)
    return this.places.map(({ mixture: { kind, experts }, layer }) => ({
      kind,
      layer,
      name: `${layer}:${kind} off`,
      mask: this.mask(kind, layer, [...Array(experts[layer]).keys()], 'off'),
      parts: allParts,
    }))
  }

  /** Experts by the expected worth, falling: their layer's worth times their share of its gates. */
  experts(layerWorth: (kind: MixtureKind, layer: number) => number): ExpertConditions[] {
    const { usage } = this.whole
    const experts = this.places.flatMap(({ mixture, layer }) => {
      const { kind } = mixture
      const own = usage.of(kind, layer)
      return Array.from(own.counts, (uses, expert) => ({
        place: { kind, layer, expert },
        uses,
        conditions: this.conditionsOf(mixture, layer, expert),
        expected: Math.max(0, layerWorth(kind, layer)) * own.gateShare(expert),
      }))
    })
    return experts.sort((a, b) => b.expected - a.expected || b.uses - a.uses)
  }

  private conditionsOf(mixture: Mixture, layer: number, expert: number): ExpertConditions['conditions'] {
    const { kind, routing } = mixture
    return this.ways.flatMap((way) => {
      const mask = this.mask(kind, layer, [expert], way)
      const { config, mask: own } = this.model
      if (!masksFit(own ? [own, mask] : [mask], config)) return []
      // Scores of a group count also if none of its experts is chosen.
      const isEverywhere = way === 'around' && routing?.groups !== undefined
      const parts = [...this.whole.usages.keys()].filter((part) => {
        return isEverywhere || this.whole.usages[part].of(kind, layer).counts[expert] > 0
      })
      return [{ name: `${layer}:${kind}:${expert} ${way}`, way, mask, parts }]
    })
  }

  private mask(kind: MixtureKind, layer: number, ids: number[], way: Way): ExpertMask {
    const { mixtures, layers } = this.model.config
    const lists = perMixture(mixtures, (mixture) =>
      Array.from({ length: layers }, (_, l) => (mixture.kind === kind && l === layer ? ids : [])),
    )
    const instead: Record<Way, MaskedUse> = { off: 'nothing', around: 'others', mean: { means: this.whole.means } }
    return { ...lists, gates: 'all', instead: instead[way] }
  }
}
