import { createHash } from 'node:crypto'
import type { Think } from '../../../api/chat.js'
import { thinkingChoices } from '../../../text/chat-frame.js'
import type { ServerContext } from '../../http/context.js'
import { gapTokensOf } from '../fill-in-middle.js'
import { tokenizerFiles } from '../tokenizer-files.js'

/** Description of a model in the form of ollama's API. */
export interface OllamaCard {
  /** Clients expect a tag in the name. */
  name: string
  model: string
  modified_at: string
  /** Bytes of the weights. */
  size: number
  /** Clients keep what they know of a model by its digest. */
  digest: string
  details: object
  /** Abilities: completion, tools, thinking, insert. */
  capabilities: string[]
}

export async function ollamaCard(context: ServerContext): Promise<OllamaCard> {
  const { id, model, limits, since } = context
  const { family, parameters, quant, bytes, source, sourceRevision } = model.info
  const name = id.includes(':') ? id : `${id}:latest`
  const [capabilities, template] = await Promise.all([capabilitiesOf(context), ollamaTemplate(context)])
  const known = { name, family, parameters, quant, bytes, source, sourceRevision, template, capabilities }
  return {
    name,
    model: name,
    modified_at: new Date(since * 1000).toISOString(),
    size: bytes,
    digest: createHash('sha256').update(JSON.stringify(known)).digest('hex'),
    details: {
      parent_model: '',
      format: 'molm',
      family,
      families: [family],
      parameter_size: sizeOf(parameters),
      quantization_level: quant.toUpperCase(),
      context_length: limits.contextTokens,
    },
    capabilities,
  }
}

/** A number of parameters as ollama writes it, such as 6.9B. */
function sizeOf(parameters: number): string {
  return parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)}B` : `${(parameters / 1e6).toFixed(1)}M`
}

async function capabilitiesOf({ model }: ServerContext): Promise<string[]> {
  const { chatTemplate } = model
  const thinking = await thinkingChoices(chatTemplate).catch((): Think[] => [])
  return [
    'completion',
    ...(chatTemplate?.response?.fields.tool_calls ? ['tools'] : []),
    ...(thinking.length > 0 ? ['thinking'] : []),
    ...((await gapTokensOf(model)) ? ['insert'] : []),
  ]
}

/** The chat template's source. Continue fills gaps only with a model whose template mentions `.Suffix`, as ollama's do. */
export async function ollamaTemplate({ model }: ServerContext): Promise<string> {
  const { template } = await tokenizerFiles(model)
  return (template ?? '') + ((await gapTokensOf(model)) ? '{#- fills gaps: .Prompt and .Suffix -#}' : '')
}
