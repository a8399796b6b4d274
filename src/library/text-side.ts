import type { ChatTemplate, GenerationDefaults, Tokenizer } from '../api/text.js'
import { loadChatTemplate } from '../text/chat-template.js'
import { loadGenerationDefaults } from '../text/generation-config.js'
import { loadTokenizer } from '../text/tokenizer.js'

/** What belongs to a model beside its weights, as far as its folder has it. */
export interface TextSide {
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate
  defaults: GenerationDefaults
}

/** Rejects with a UserError that names the file which cannot be used. */
export async function loadTextSide(folder: string): Promise<TextSide> {
  const [tokenizer, chatTemplate, defaults] = await Promise.all([
    loadTokenizer(folder),
    loadChatTemplate(folder),
    loadGenerationDefaults(folder),
  ])
  chatTemplate?.prepare()
  return { tokenizer, chatTemplate, defaults }
}
