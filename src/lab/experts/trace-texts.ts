import type { LayerRoutes } from '../../api/routes.js'
import { UserError } from '../../ground/errors.js'
import { plural } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { MIXTURE_KINDS, type Mixture, type ModelConfig, mixtureOf } from '../../model/config/config.js'
import { usedIn, usedPerToken } from '../../model/config/experts-per-token.js'
import type { TracedText, TraceFormat } from './traces/traced-text.js'
import { CHUNK, type Reader, TextRoutes } from './usage/text-routes.js'

export interface NamedTrace {
  name: string
  trace: TraceFormat
}

/** A model whose routing the traces show. */
export interface TracedModel extends Pick<Reader, 'name' | 'quant' | 'textOf'> {
  config: Pick<ModelConfig, 'mixtures' | 'layers'>
}

/** Facts about a trace that the file does not say. */
export interface TraceFacts {
  model?: TracedModel
  /** Number of experts in a layer. Default: as in the model, else one more than the largest id of the traces. */
  experts?: number
}

/**
 * Converts traces to texts that tables and pictures show like texts of `measureUsage`, and lines that say what had to be
 * judged. Throws a UserError if traces do not belong together, or do not fit the model.
 */
export function textsOfTraces(
  traces: readonly NamedTrace[],
  { model, experts }: TraceFacts,
): { texts: TextRoutes[]; notes: string[] } {
  const named = traces.flatMap((trace) => fitted(trace, model))
  const mixtures = (model?.config.mixtures ?? mixturesOf(named, experts)).map((one) => asTraced(one, named))
  const hasGates = named.every(({ text }) => text.layers.every(({ gates }) => gates))
  const words = new Map(traces.flatMap(({ trace }) => [...trace.words]))
  const known = traces.map(({ trace }) => trace.model).find((name) => name !== undefined)
  const reader: Reader = {
    name: model?.name ?? known ?? (traces.length === 1 ? traces[0].name : 'the traces'),
    quant: model?.quant,
    config: { mixtures: mixtures as Mixture[] },
    textOf: (token) => words.get(token) ?? model?.textOf(token) ?? `<${token}>`,
    ...(!hasGates && { hasGates: false as const }),
  }
  const notes = named.flatMap(({ name, text }) => [described(name, text), ...lacking(name, text)])
  if (model) notes.push(...otherNumbers(mixtures, model))
  if (!hasGates) notes.push('the trace has no gates: shares count the choices alone')
  if (!model && experts === undefined) {
    const each = mixtures.map(({ kind, experts }) => `${Math.max(...experts)} ${kind} experts`).join(', ')
    const remedy = mixtures.length > 1 ? '-m MODEL' : '--experts N or -m MODEL'
    notes.push(`${each} in a layer, judged by the largest id; ${remedy} says how many there are`)
  }
  return { texts: named.map(({ name, text }) => textRoutes(name, text, reader)), notes }
}

type NamedText = TraceFormat['texts'][number]

function fitted({ name, trace }: NamedTrace, model?: TracedModel): NamedText[] {
  return trace.texts.map(({ name: part, text }) => {
    const full = part === '' || part === name ? name : `${name}, ${printable(part)}`
    if (model) checkFit(full, text, model)
    return { name: full, text }
  })
}

/** Checks that a model has a text's experts. Throws a UserError, which begins with `name`, if it has not. */
export function checkFit(
  name: string,
  text: TracedText,
  { name: model, config }: Pick<TracedModel, 'name' | 'config'>,
): void {
  const fail = (what: string): never => {
    throw new UserError(`${name}: not a trace of ${model}: ${what}`)
  }
  for (const { kind, k, ids, layer } of text.layers) {
    if (layer >= config.layers) fail(`it has layer ${layer}, the model ${plural(config.layers, 'layer')}`)
    const mixture = mixtureOf(config, kind)
    const experts = mixture?.experts[layer] ?? 0
    if (!mixture || experts === 0) fail(`the model has no ${kind} experts in layer ${layer}`)
    if (k > experts) fail(`a token has ${k} ${kind} experts in layer ${layer}, and the model ${experts} in all`)
    const most = largest(ids)
    if (most >= experts) fail(`layer ${layer} has ${kind} expert ${most}, and the model ${experts} of them`)
  }
}

type TracedMixture = Pick<Mixture, 'kind' | 'experts' | 'topK' | 'used'>

function mixturesOf(texts: readonly NamedText[], given?: number): TracedMixture[] {
  const all = texts.flatMap(({ text }) => text.layers)
  const layers = 1 + Math.max(...all.map(({ layer }) => layer))
  const kinds = MIXTURE_KINDS.filter((kind) => all.some((traced) => traced.kind === kind))
  if (kinds.length > 1 && given !== undefined) {
    throw new UserError('the trace has attention and mlp experts: -m MODEL, not --experts, says how many there are')
  }
  return kinds.map((kind) => {
    const own = all.filter((traced) => traced.kind === kind)
    const most = own.reduce((most, { ids }) => Math.max(most, largest(ids)), 0)
    if (given !== undefined && most >= given) {
      throw new UserError(`--experts ${given} is too little: there is ${kind} expert ${most} in the trace`)
    }
    const experts = new Array<number>(layers).fill(0)
    for (const { layer } of own) experts[layer] = given ?? most + 1
    return { kind, experts, topK: 1 }
  })
}

/** A mixture with the traces' numbers of experts per token. Throws a UserError if two traces differ in a layer. */
function asTraced<M extends TracedMixture>(mixture: M, texts: readonly NamedText[]): M {
  const { kind, experts } = mixture
  const used = experts.map((_, layer) => {
    const found = texts.flatMap(({ name, text }) =>
      text.layers.filter((own) => own.kind === kind && own.layer === layer).map(({ k }) => ({ name, k })),
    )
    const [first] = found
    const other = found.find(({ k }) => k !== first.k)
    if (!other) return first?.k ?? usedIn(mixture, layer)
    throw new UserError(
      `${other.name}: a token has ${other.k} ${kind} experts in layer ${layer}, and ${first.k} in ${first.name}`,
    )
  })
  const topK = Math.max(...used)
  const { used: _, ...rest } = mixture
  const isFull = used.every((count, layer) => experts[layer] === 0 || count === topK)
  return { ...rest, topK, ...(!isFull && { used }) } as M
}

/** A line for each kind that has other numbers of experts per token in the traces than in the model. */
function otherNumbers(traced: readonly TracedMixture[], { name, config }: TracedModel): string[] {
  return config.mixtures.flatMap((own, i) => {
    const [used, usual] = [traced[i], own].map((mixture) => String(usedPerToken(mixture)))
    return used === usual ? [] : [`a token has ${used} ${own.kind} experts in the traces, and ${usual} in ${name}`]
  })
}

function largest(ids: Int32Array): number {
  return ids.reduce((most, id) => Math.max(most, id), 0)
}

function described(name: string, { length, prompt, layers }: TracedText): string {
  const ofPrompt = prompt > 0 ? `, ${prompt} of them in the prompt` : ''
  return `${name}: ${plural(length, 'token')}${ofPrompt}, ${plural(new Set(layers.map(({ layer }) => layer)).size, 'layer')}`
}

function lacking(name: string, { length, layers }: TracedText): string[] {
  return layers.flatMap(({ kind, layer, k, ids }) => {
    let there = 0
    for (let at = 0; at < ids.length; at += k) if (ids[at] >= 0) there++
    return there === length ? [] : [`${name}: layer ${layer} has the ${kind} experts of ${there} of ${length} tokens`]
  })
}

function textRoutes(name: string, text: TracedText, reader: Reader): TextRoutes {
  const routes = new TextRoutes(name, text.tokens, reader)
  const layers = reader.config.mixtures[0].experts.length
  for (let first = 0; first < text.length; first += CHUNK) {
    const count = Math.min(CHUNK, text.length - first)
    const chunk = Array.from({ length: layers }, (): LayerRoutes => ({}))
    for (const { kind, layer, k, ids, gates } of text.layers) {
      chunk[layer][kind] = {
        ids: ids.subarray(first * k, (first + count) * k),
        gates: gates?.subarray(first * k, (first + count) * k) ?? new Float32Array(count * k).fill(Number.NaN),
      }
    }
    routes.add(chunk, count)
  }
  return routes
}
