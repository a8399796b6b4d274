import type { LoadOptions, ModelInfo } from '../../api/model.js'
import type { ChatTemplate, GenerationDefaults } from '../../api/text.js'
import { loadChatTemplate } from '../../text/chat-template.js'
import { loadGenerationDefaults } from '../../text/generation-config.js'
import { loadTokenizer } from '../../text/tokenizer.js'
import type { Companions, FoundModel, ModelKind } from './found-model.js'
import { withNumbers } from './model-config.js'
import { describe } from './model-info.js'

/**
 * A model that was found, and the files beside its weights. Each is read once, when it is asked for. Rejects with a
 * UserError that names the file which cannot be used.
 */
export interface ModelFiles<Kind extends ModelKind = ModelKind> extends FoundModel<Kind> {
  chatTemplate(): Promise<ChatTemplate | undefined>
  generationDefaults(): Promise<GenerationDefaults>
  companions(): Promise<Companions>
  /** Describes the model from its shape, formats and companions. No weights are read. */
  info(): Promise<ModelInfo>
  /** The info without the size of the tokenizer, which takes longest to read. */
  outline(): Promise<ModelInfo>
  /** The model with the numbers of experts per token and the defaults of a generation that a caller gives. */
  with(options: Pick<LoadOptions, 'expertsPerToken' | 'generation'>): ModelFiles<Kind>
}

/** The files of a model that an engine can load: a GGUF file is packed. */
export type PreparedModel = ModelFiles<Exclude<ModelKind, 'gguf'>>

export function modelFiles<Kind extends ModelKind>(
  found: FoundModel<Kind>,
  generation?: GenerationDefaults,
): ModelFiles<Kind> {
  const { folder } = found
  const chatTemplate = once(async () => (folder === '' ? undefined : loadChatTemplate(folder)))
  const tokenizer = once(async () => (folder === '' ? undefined : loadTokenizer(folder, await chatTemplate())))
  const generationDefaults = once(async () => {
    const own = folder === '' ? {} : await loadGenerationDefaults(folder)
    return { ...own, ...generation }
  })
  const withoutTokenizer = async () => ({ chatTemplate: await chatTemplate(), defaults: await generationDefaults() })
  const companions = async () => ({ tokenizer: await tokenizer(), ...(await withoutTokenizer()) })
  return {
    ...found,
    chatTemplate,
    generationDefaults,
    companions,
    info: async () => describe(found, await companions()),
    outline: async () => describe(found, await withoutTokenizer()),
    with: (options) => {
      return modelFiles({ ...found, config: withNumbers(found, options.expertsPerToken) }, options.generation)
    },
  }
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined
  return () => {
    reading ??= read()
    return reading
  }
}
