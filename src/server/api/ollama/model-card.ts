import { createHash } from 'node:crypto'
import type { ServedModel } from '../../models/served-model.js'
import { gapTokensOf } from '../fill-in-middle.js'
import { thinkingOf } from '../models.js'
import { tokenizerFiles } from '../tokenizer-files.js'

/** Description of a model in the form of ollama's API. */
export async function ollamaCard(served: ServedModel) {
  const { id, outline, contextTokens, since } = served
  const { family, parameters, quant, bytes, source, sourceRevision } = outline.info
  // Clients expect a tag in the name.
  const name = id.includes(':') ? id : `${id}:latest`
  const [capabilities, template] = await Promise.all([capabilitiesOf(served), ollamaTemplate(served)])
  const known = { name, family, parameters, quant, bytes, source, sourceRevision, template, capabilities }
  return {
    name,
    model: name,
    modified_at: new Date(since * 1000).toISOString(),
    size: bytes,
    // Clients keep what they know of a model by its digest.
    digest: createHash('sha256').update(JSON.stringify(known)).digest('hex'),
    details: {
      parent_model: '',
      format: 'molm',
      family,
      families: [family],
      parameter_size: sizeOf(parameters),
      quantization_level: quant.toUpperCase(),
      context_length: contextTokens,
    },
    capabilities,
  }
}

/** A number of parameters as ollama writes it, such as 6.9B. */
function sizeOf(parameters: number): string {
  return parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)}B` : `${(parameters / 1e6).toFixed(1)}M`
}

/** Models that can fill gaps. Only their tokenizers say so; until a model has been loaded, it counts as one that cannot. */
const gapFillers = new WeakSet<ServedModel>()

async function fillsGaps(served: ServedModel): Promise<boolean> {
  if (served.model && (await gapTokensOf(served.model))) gapFillers.add(served)
  return gapFillers.has(served)
}

/** Abilities, by the names that clients know. */
async function capabilitiesOf(served: ServedModel): Promise<string[]> {
  const { chatTemplate } = served.outline
  const thinking = await thinkingOf(chatTemplate)
  return [
    'completion',
    ...(chatTemplate?.response?.fields.tool_calls ? ['tools'] : []),
    ...(thinking.length > 0 ? ['thinking'] : []),
    ...((await fillsGaps(served)) ? ['insert'] : []),
  ]
}

/** The chat template's source. Continue fills gaps only with a model whose template mentions `.Suffix`, as ollama's do. */
export async function ollamaTemplate(served: ServedModel): Promise<string> {
  const { template } = await tokenizerFiles(served.outline)
  return (template ?? '') + ((await fillsGaps(served)) ? '{#- fills gaps: .Prompt and .Suffix -#}' : '')
}
