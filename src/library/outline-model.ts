import type { LoadOptions, Model } from '../api/model.js'
import { loadChatTemplate } from '../text/chat-template.js'
import { loadGenerationDefaults } from '../text/generation-config.js'
import { describe } from './model-info.js'
import { withNumbers } from './packing/stored-numbers.js'
import { preparedModel } from './prepared-model.js'
import { checkWeights } from './verify-model.js'

/** Parts of a model that need neither its weights nor its tokenizer. */
export type ModelOutline = Pick<Model, 'name' | 'config' | 'info' | 'chatTemplate'>

/**
 * Finds a model and describes it, for a list of models that are loaded later. Packs a GGUF file first. Rejects with a UserError if there is no
 * such model, or if its files do not fit each other.
 */
export async function outlineModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'expertsPerToken' | 'threads' | 'onPacking' | 'onWarning' | 'signal'> = {},
): Promise<ModelOutline> {
  const found = await preparedModel(name, options)
  await checkWeights(found)
  const { config, ...rest } = withNumbers(found, options.expertsPerToken)
  const [chatTemplate, defaults] = await Promise.all([
    loadChatTemplate(found.folder),
    loadGenerationDefaults(found.folder),
  ])
  const info = describe({ ...rest, config }, { chatTemplate, defaults })
  return { name: found.name, config, info, chatTemplate }
}
