import type { ModelInfo, PartSummary, Teaching } from '../../api/model.js'
import { fields, isCount, isNumber, isText } from '../../ground/json/forms.js'
import { MIXTURE_KINDS, type ModelConfig } from '../../model/config/config.js'
import { activeShare } from '../../model/config/experts-per-token.js'
import { architectureOf, blueprintOf, layoutOf } from '../../model/families/index.js'
import type { PartFormats } from '../../model/packing/format/formats.js'
import type { Part } from '../../model/packing/format/layout.js'
import { leastBudget } from '../../model/weights/bank-plan.js'
import type { Companions, FoundModel } from './found-model.js'

/** Describes a model from its shape and formats; no weights are read. */
export function describe(found: FoundModel, { tokenizer, chatTemplate, defaults }: Companions): ModelInfo {
  const { name, path, kind, quant, formats, source, sourceRevision, config } = found
  const { parts, activeBytes } = summariseParts(config, formats)
  const architecture = architectureOf(config)
  const head = parts.find(({ name }) => name === 'head')
  const total = (field: 'parameters' | 'active' | 'bytes') => parts.reduce((sum, part) => sum + part[field], 0)
  return {
    name,
    config,
    family: architecture.title,
    shape: architecture.describe(config),
    path,
    kind,
    quant,
    formats,
    ...(source !== undefined && { source }),
    ...(found.gguf !== undefined && kind === 'packed' && { copy: path }),
    ...(sourceRevision !== undefined && { sourceRevision }),
    ...(found.file?.metadata.taught && { taught: teachingsOf(found.file.metadata.taught) }),
    ...(found.file?.metadata.calibration && { calibration: found.file.metadata.calibration }),
    // A head that is the embedding table adds no parameters.
    parameters: total('parameters') - (config.tieWordEmbeddings ? (head?.parameters ?? 0) : 0),
    activeParameters: total('active'),
    bytes: total('bytes'),
    activeBytes,
    // Computed on demand: the plan takes memory, and the config may not fit the weights.
    get leastBytes() {
      return kind === 'packed' ? leastBudget(layoutOf(config, formats)) : total('bytes')
    },
    parts,
    ...(tokenizer && { tokenizerSize: tokenizer.vocabSize }),
    hasChatTemplate: chatTemplate !== undefined,
    generationDefaults: defaults,
  }
}

/** Sums parameters and bytes by kind of part, and the bytes that the model reads for one token. */
export function summariseParts(
  config: ModelConfig,
  formats: PartFormats,
  planned: Iterable<Part> = blueprintOf(config).parts(formats),
): { parts: PartSummary[]; activeBytes: number } {
  const summaries = new Map<PartSummary['name'], PartSummary>()
  const experts = new Map<PartSummary['name'], string[]>()
  let activeBytes = 0
  for (const part of planned) {
    const name = kindOfPart(part)
    const share = activeShare(part, config)
    const parameters = part.pieces
      .flatMap(({ sources }) => sources)
      .reduce((sum, { rows, cols }) => sum + rows * cols, 0)
    const summary = summaries.get(name) ?? { name, parameters: 0, active: 0, bytes: 0, format: '' }
    summary.format = withFormats(summary.format, part)
    if (part.expert) {
      const known = experts.get(name) ?? []
      known.push(withFormats('', part))
      experts.set(name, known)
    }
    summary.parameters += parameters
    summary.active += parameters * share
    summary.bytes += part.bytes
    summaries.set(name, summary)
    activeBytes += part.bytes * share
  }
  const parts = [...summaries.values()].map((part) => ({
    ...part,
    active: Math.round(part.active),
    format: mixOf(experts.get(part.name) ?? []) ?? part.format,
  }))
  return { parts, activeBytes: Math.round(activeBytes) }
}

function kindOfPart({ name, expert }: Part): PartSummary['name'] {
  if (expert) return `${expert.kind} experts`
  if (name === 'embedding') return 'embedding'
  return name === 'lm_head' || name === 'score' ? 'head' : 'routers, norms, keys and values'
}

/** Formats of a part's matrices or table, added to a list. Those of norms and biases are not named. */
function withFormats(list: string, { pieces }: Part): string {
  const found = pieces.filter(({ kind }) => kind !== 'vector').map(({ format }) => format)
  return [...new Set([...list.split(', ').filter(Boolean), ...found])].join(', ')
}

/** Numbers of experts by format, most first: `100 q3, 92 q4`. Undefined unless they differ, and each has one format. */
function mixOf(formats: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const format of formats) counts.set(format, (counts.get(format) ?? 0) + 1)
  if (counts.size < 2 || formats.some((format) => format.includes(', '))) return undefined
  const ranked = [...counts].sort(([, a], [, b]) => b - a)
  return ranked.map(([format, count]) => `${count} ${format}`).join(', ')
}

/** Reads a packed file's accounts of teaching. Missing or invalid values become empty lists and zeros. */
function teachingsOf(accounts: readonly Record<string, unknown>[]): Teaching[] {
  return accounts.map(({ texts, kind, layers, experts, parameters, steps, tokens, held_out_loss: loss }) => ({
    texts: listOf(texts, isText),
    kind: MIXTURE_KINDS.find((known) => known === kind) ?? 'mlp',
    layers: listOf(layers, isCount),
    experts: countOf(experts),
    parameters: countOf(parameters),
    steps: countOf(steps),
    tokens: countOf(tokens),
    ...(isLoss(loss) && { heldOutLoss: { before: loss.before, after: loss.after } }),
  }))
}

function listOf<T>(value: unknown, fits: (item: unknown) => item is T): T[] {
  return Array.isArray(value) ? value.filter(fits) : []
}

function countOf(value: unknown): number {
  return isCount(value) ? value : 0
}

const isLoss = fields({ before: isNumber, after: isNumber })
