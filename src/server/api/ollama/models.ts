import { createHash } from 'node:crypto'
import type { Hono } from 'hono'
import * as z from 'zod'
import { UNFILTERED } from '../../../api/generation-options.js'
import type { GenerationDefaults } from '../../../api/text.js'
import { usedPerToken } from '../../../model/config/experts-per-token.js'
import { readBody } from '../../http/body.js'
import type { ServedModel } from '../../models/served-model.js'
import type { ServedModels } from '../../models/served-models.js'
import { anyObject, flag, text, unused } from '../fields.js'
import { gapTokensOf } from '../fill-in-middle.js'
import { thinkingOf } from '../models.js'
import { tokenizerFiles } from '../tokenizer-files.js'
import { optionNames } from './body.js'

/** Version of ollama whose API this is. Clients switch features on by it: log-probabilities came with this one. */
const VERSION = '0.12.11'

/** Time at which the model leaves memory: ollama writes this for "never". */
const NEVER = '2318-01-01T00:00:00+00:00'

const showBody = z.strictObject({
  model: text.optional(),
  name: text.optional(),
  verbose: unused(flag),
  system: unused(text),
  template: unused(text),
  options: unused(anyObject),
})

/** `GET /api/tags`, `/api/ps` and `/api/version`, and `POST /api/show`: the server's models, in the form of ollama's API. */
export function ollamaModelRoutes(app: Hono, models: ServedModels): void {
  app.get('/api/version', (c) => c.json({ version: VERSION }))
  app.get('/api/tags', async (c) => c.json({ models: await Promise.all(models.all.map(ollamaCard)) }))
  app.get('/api/ps', async (c) => {
    const inMemory = models.all.filter(({ isInMemory }) => isInMemory)
    return c.json({ models: await Promise.all(inMemory.map(running)) })
  })
  app.post('/api/show', async (c) => {
    const { model, name = model } = await readBody(c, showBody, models)
    return c.json(await shown(models.named(name)))
  })
}

async function running(served: ServedModel): Promise<object> {
  const { modified_at, capabilities, ...card } = await ollamaCard(served)
  return { ...card, expires_at: NEVER, size_vram: 0, context_length: served.contextTokens }
}

async function shown(served: ServedModel): Promise<object> {
  const { id, outline, contextTokens } = served
  const { name, config, info } = outline
  const { modified_at, details, capabilities } = await ollamaCard(served)
  const { modelType, layers, width, vocabSize, mixtures } = config
  const [mixture] = mixtures.slice(-1)
  return {
    modelfile: `FROM ${id}\n`,
    parameters: parametersOf(info.generationDefaults, contextTokens),
    template: await ollamaTemplate(served),
    details,
    model_info: {
      'general.architecture': modelType,
      'general.basename': name,
      'general.parameter_count': info.parameters,
      [`${modelType}.block_count`]: layers,
      [`${modelType}.context_length`]: contextTokens,
      [`${modelType}.embedding_length`]: width,
      [`${modelType}.vocab_size`]: vocabSize,
      ...(mixture && {
        [`${modelType}.expert_count`]: Math.max(...mixture.experts),
        [`${modelType}.expert_used_count`]: usedPerToken(mixture),
      }),
    },
    capabilities,
    modified_at,
  }
}

/** Options that requests have unasked, a line each. Clients split a line at its blanks, and read a text as JSON. */
function parametersOf(defaults: GenerationDefaults, contextTokens: number): string {
  const filters = Object.keys(UNFILTERED) as (keyof typeof UNFILTERED)[]
  const given = filters.filter((name) => name !== 'stop' && defaults[name] !== undefined)
  const lines = [
    ['num_ctx', contextTokens],
    ...given.map((name) => [optionNames[name], defaults[name]]),
    ...(defaults.stop ?? []).map((one) => ['stop', JSON.stringify(one)]),
  ]
  return lines.map(([name, value]) => `${name}`.padEnd(16) + value).join('\n')
}

/** Description of a model in the form of ollama's API. */
async function ollamaCard(served: ServedModel) {
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
async function ollamaTemplate(served: ServedModel): Promise<string> {
  const { template } = await tokenizerFiles(served.outline)
  return (template ?? '') + ((await fillsGaps(served)) ? '{#- fills gaps: .Prompt and .Suffix -#}' : '')
}
