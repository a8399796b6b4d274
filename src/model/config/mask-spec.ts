import { UsageError } from '../../ground/errors.js'
import { sixDigits } from '../../ground/numbers.js'
import { shown } from '../../ground/option-checks.js'
import { printable } from '../../ground/printable.js'
import { MIXTURE_KINDS, type MixtureKind, type ModelConfig, perMixture } from './config.js'
import { type ExpertMask, type ExpertPush, maskedExperts } from './expert-mask.js'

/** Change of an expert: a number of spreads that its score is pushed by, `always`, or `off`. */
type Change = ExpertPush['by'] | 'off'

/** Largest push: some spreads are more than any router's logits are apart. */
const MOST_PUSH = 100

/**
 * Reads masks that a person writes, and joins them to one mask: `LAYER:KIND:IDS` with ids like `5,7-9` switches experts
 * off, `LAYER:KIND:IDS=+1.5` steers them, `=always` and `=never` too. Of several for an expert the last one counts; `=0`
 * takes the others back. The gates come from the scores of all experts, so that a token that would not use a masked
 * expert is not affected. Throws a UsageError for another form, and for experts that the model does not have.
 *
 * @example
 * parseMask(['3:mlp:5,7-9', '0:attention:2=+1.5'], model.config)
 */
export function parseMask(specs: readonly string[], { mixtures, layers }: ModelConfig): ExpertMask {
  const marked = perMixture(mixtures, ({ experts }) => experts.map((count) => new Array<Change>(count).fill(0)))
  for (const spec of specs) {
    const { layer, kind, ranges, change } = parseSpec(spec)
    const wrong = (why: string) => new UsageError(`mask '${printable(spec.trim(), 60)}': ${why}`)
    if (!marked[kind]) throw wrong(`the model has no ${kind} experts`)
    if (layer >= layers) throw wrong(`the model has layers 0 to ${layers - 1}`)
    const { [layer]: experts } = marked[kind]
    if (experts.length === 0) throw wrong(`layer ${layer} has no ${kind} experts`)
    for (const [from, to] of ranges) {
      if (to >= experts.length) throw wrong(`layer ${layer} has ${kind} experts 0 to ${experts.length - 1}`)
      experts.fill(change, from, to + 1)
    }
  }
  const each = <T>(of: (experts: Change[]) => T[]) => perMixture(mixtures, ({ kind }) => marked[kind]?.map(of))
  const isSteered = Object.values(marked)
    .flat(2)
    .some((change) => change !== 'off' && change !== 0)
  return {
    ...each((experts) => [...experts.keys()].filter((id) => experts[id] === 'off')),
    gates: 'all',
    ...(isSteered && { pushes: each(pushesOf) }),
  }
}

/** Writes a mask as `parseMask` reads it: for each layer and kind a spec of the experts that are changed alike. */
export function maskSpecs(mask: ExpertMask): string[] {
  return placesIn(mask).map(({ layer, kind, ids, change }) => `${layer}:${kind}:${ids.join(',')}${suffix(change)}`)
}

/** Adds experts, written like `3:mlp:5,7-9`, to a mask. Throws a UsageError if the model lacks them. */
export function withExperts(mask: ExpertMask | undefined, specs: readonly string[], config: ModelConfig): ExpertMask {
  const joined = parseMask([...(mask ? maskSpecs(mask) : []), ...specs], config)
  if (!mask) return joined
  const { gates, instead, interventions } = mask
  return { ...joined, gates, ...(instead && { instead }), ...(interventions && { interventions }) }
}

/**
 * Names the experts of a mask: `layer 3 mlp expert 5`, `layer 3 mlp experts 5, 7-9 and layer 0 attention expert 2`. A
 * steered expert has its push behind it: `layer 3 mlp expert 5 (+1.5)`.
 */
export function maskInWords(mask: Omit<ExpertMask, 'gates'>): string {
  const places = placesIn(mask).map(({ layer, kind, ids, change }) => {
    const push = change === 'off' ? '' : ` (${pushText(change)})`
    return `layer ${layer} ${kind} ${ids.length === 1 ? 'expert' : 'experts'} ${inRanges(ids)}${push}`
  })
  return places.join(' and ')
}

/** Push of an expert as a mask has it; 0 for none. */
export function pushOf({ pushes }: Pick<ExpertMask, 'pushes'>, kind: MixtureKind, layer: number, expert: number) {
  return pushes?.[kind]?.[layer]?.find(({ id }) => id === expert)?.by ?? 0
}

export function maskState(mask: Omit<ExpertMask, 'gates'>): 'off' | 'steered' | 'off or steered' {
  const isOff = maskedExperts(mask) > 0
  return steeredExperts(mask) === 0 ? 'off' : isOff ? 'off or steered' : 'steered'
}

export function steeredExperts({ pushes = {} }: Pick<ExpertMask, 'pushes'>): number {
  return MIXTURE_KINDS.reduce((sum, kind) => sum + (pushes[kind] ?? []).flat().length, 0)
}

export function scaledMask(mask: ExpertMask, strength: number): ExpertMask {
  const scaled = ({ id, by }: ExpertPush) => ({ id, by: by === 'always' ? by : by * strength })
  const pushes = Object.entries(mask.pushes ?? {}).map(([kind, layers]) => [
    kind,
    layers.map((list) => list.map(scaled)),
  ])
  return mask.pushes ? { ...mask, pushes: Object.fromEntries(pushes) } : mask
}

/** A push as a person writes it: `+1.5`, `-2`, `always`. */
export function pushText(by: ExpertPush['by']): string {
  return by === 'always' ? by : `${by > 0 ? '+' : ''}${sixDigits(by)}`
}

interface Place {
  layer: number
  kind: MixtureKind
  ids: number[]
  change: Change
}

function placesIn(mask: Omit<ExpertMask, 'gates'>): Place[] {
  return MIXTURE_KINDS.flatMap((kind) => {
    const off = (mask[kind] ?? []).flatMap((ids, layer): Place[] =>
      ids.length > 0 ? [{ layer, kind, ids, change: 'off' }] : [],
    )
    const pushed = (mask.pushes?.[kind] ?? []).flatMap((list, layer) => {
      const changes = [...new Set(list.map(({ by }) => by))]
      return changes.map((change) => {
        return { layer, kind, change, ids: list.filter(({ by }) => by === change).map(({ id }) => id) }
      })
    })
    return [...off, ...pushed]
  })
}

function pushesOf(experts: readonly Change[]): ExpertPush[] {
  return experts.flatMap((by, id) => (by === 'off' || by === 0 ? [] : [{ id, by }]))
}

function suffix(change: Change): string {
  return change === 'off' ? '' : `=${pushText(change)}`
}

/** Writes ids with ranges: `5, 7-9`. */
function inRanges(ids: readonly number[]): string {
  const runs: [first: number, last: number][] = []
  for (const id of ids.toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run && run[1] === id - 1) run[1] = id
    else runs.push([id, id])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
}

interface Spec {
  layer: number
  kind: MixtureKind
  ranges: [from: number, to: number][]
  change: Change
}

function parseSpec(spec: string): Spec {
  const wrong = () => {
    const kinds = MIXTURE_KINDS.join(' or ')
    return new UsageError(`a mask must be LAYER:KIND:IDS, like 3:mlp:5,7-9 (kind ${kinds}), not ${shown(spec)}`)
  }
  const [, layer, kind, list, value = 'never'] =
    /^(\d{1,6}):([a-z]+):(\d[\d,-]*)(?:=(\S{1,12}))?$/.exec(spec.trim()) ?? []
  if (!MIXTURE_KINDS.includes(kind as MixtureKind)) throw wrong()
  const ranges = list.split(',').map((range): [number, number] => {
    const [, from, to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range) ?? []
    if (!(Number(to) >= Number(from))) throw wrong()
    return [Number(from), Number(to)]
  })
  const change = value === 'never' ? 'off' : value === 'always' ? value : Number(value)
  if (typeof change === 'number' && !(Math.abs(change) <= MOST_PUSH)) {
    throw new UsageError(`mask '${printable(spec.trim(), 60)}': a push is a number from -100 to 100, always or never`)
  }
  return { layer: Number(layer), kind: kind as MixtureKind, ranges, change }
}
