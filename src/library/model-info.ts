import type { ModelInfo, PartSummary } from '../generation/types.js'
import type { ModelConfig } from '../model/config.js'
import type { PartFormats } from '../packing/format.js'
import { headName, type Part, planLayout } from '../packing/layout.js'
import type { FoundModel } from './resolve-model.js'
import type { TextSide } from './text-side.js'

/** Describes a model from its shape and formats; no weights are read. */
export function describe(found: FoundModel, { tokenizer, chatTemplate }: Omit<TextSide, 'defaults'>): ModelInfo {
  const { name, path, kind, quant, formats, source, sourceRevision, config } = found
  const { parts, activeBytes } = summarise(config, formats)
  const total = (field: 'parameters' | 'active' | 'bytes') => parts.reduce((sum, part) => sum + part[field], 0)
  return {
    name,
    config,
    path,
    kind,
    quant,
    formats,
    ...(source !== undefined && { source }),
    ...(sourceRevision !== undefined && { sourceRevision }),
    parameters: total('parameters'),
    activeParameters: total('active'),
    bytes: total('bytes'),
    activeBytes,
    parts,
    ...(tokenizer && { tokenizerSize: tokenizer.vocabSize }),
    hasChatTemplate: chatTemplate !== undefined,
  }
}

/** Parameters and bytes by kind of part, and the bytes that the model reads for one token. */
export function summarise(config: ModelConfig, formats: PartFormats): { parts: PartSummary[]; activeBytes: number } {
  const head = headName(config)
  const names: Record<string, PartSummary['name']> = {
    embedding: 'embedding',
    attention: 'attention experts',
    mlp: 'mlp experts',
    [head]: 'head',
  }
  const rest = 'routers, norms, keys and values'
  const format: Record<string, string> = {
    embedding: formats.embedding,
    attention: formats.attention,
    mlp: formats.mlp,
    [head]: formats.head,
  }
  const summaries = new Map<string, PartSummary>()
  let activeBytes = 0
  for (const part of planLayout(config, formats).parts) {
    const match = /^layers\.(\d+)\.(attention|mlp)\./.exec(part.name)
    const key = match ? match[2] : part.name in names ? part.name : 'rest'
    const share = activeShare(config, part, match)
    const parameters = part.pieces.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
    const summary = summaries.get(key) ?? {
      name: names[key] ?? rest,
      parameters: 0,
      active: 0,
      bytes: 0,
      format: format[key] ?? `${formats.router}, f32`,
    }
    summary.parameters += parameters
    summary.active += parameters * share
    summary.bytes += part.bytes
    summaries.set(key, summary)
    activeBytes += part.bytes * share
  }
  const parts = [...summaries.values()].map((part) => ({ ...part, active: Math.round(part.active) }))
  return { parts, activeBytes: Math.round(activeBytes) }
}

/** How much of a part a token uses: one row of the embedding table, k of a layer's experts, all of the rest. */
function activeShare(config: ModelConfig, part: Part, expert: RegExpExecArray | null): number {
  if (part.name === 'embedding') return 1 / config.vocabSize
  if (!expert) return 1
  const layer = Number(expert[1])
  return expert[2] === 'attention'
    ? config.topKAttention / config.attentionExperts[layer]
    : config.topKMlp / config.mlpExperts[layer]
}
