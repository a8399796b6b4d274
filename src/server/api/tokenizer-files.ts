import type { Model } from '../../api/model.js'
import { readIfPresent, readJsonIfPresent } from '../../ground/files/small-file.js'
import { dirname } from '../../ground/platform/files.js'

export interface TokenizerFiles {
  /** Contents of tokenizer_config.json and special_tokens_map.json; empty without the file. */
  config: Record<string, unknown>
  specialMap: Record<string, unknown>
  /** Source of the chat template; of several named ones, the default. */
  template: string | null
}

export async function tokenizerFiles({ info: { path, kind } }: Pick<Model, 'info'>): Promise<TokenizerFiles> {
  const folder = kind === 'packed' ? dirname(path) : path
  const [config = {}, specialMap = {}, template] = await Promise.all([
    readJsonIfPresent(folder, 'tokenizer_config.json'),
    readJsonIfPresent(folder, 'special_tokens_map.json'),
    readIfPresent(folder, 'chat_template.jinja'),
  ])
  const source = template ? new TextDecoder().decode(template) : defaultTemplate(config.chat_template)
  return { config, specialMap, template: source }
}

function defaultTemplate(templates: unknown): string | null {
  const found = Array.isArray(templates) ? templates.find(({ name }) => name === 'default')?.template : templates
  return typeof found === 'string' ? found : null
}
