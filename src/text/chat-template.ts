import { join } from 'node:path'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { specialTokens } from './special-tokens.js'
import { readIfPresent, readJsonIfPresent, reasonOf } from './text-files.js'

export interface ChatMessage {
  /** 'system', 'user' or 'assistant', or whatever else the template knows. */
  role: string
  content: string
}

/** How a model wants a conversation written out. */
export interface ChatTemplate {
  /**
   * The conversation as one text; `addGenerationPrompt` ends it with the beginning of the assistant's answer. Throws a
   * UserError where the template refuses it (roles that do not alternate, say).
   */
  render(messages: readonly ChatMessage[], options: { addGenerationPrompt: boolean }): string
}

/**
 * Loads a folder's chat template: `chat_template` of tokenizer_config.json, else chat_template.jinja; undefined where
 * it has neither. Rejects with a UserError that names the file if the template cannot be used.
 */
export async function loadChatTemplate(dir: string): Promise<ChatTemplate | undefined> {
  const [config = {}, specialMap = {}] = await Promise.all([
    readJsonIfPresent(dir, 'tokenizer_config.json'),
    readJsonIfPresent(dir, 'special_tokens_map.json'),
  ])
  const found = await findSource(dir, config)
  if (!found) return undefined
  const { source, file } = found

  // Imported here so that only conversations load it.
  const { Template } = await import('@huggingface/jinja')
  const template = attempt(() => new Template(source), `${file}: the chat template is not valid`)
  const tokens = specialTokens(config, specialMap).byRole
  return {
    render(messages, { addGenerationPrompt }) {
      return attempt(
        () => template.render({ ...tokens, messages, add_generation_prompt: addGenerationPrompt }),
        `${file}: the chat template does not take this conversation`,
      )
    },
  }
}

async function findSource(
  dir: string,
  { chat_template: inConfig }: Record<string, unknown>,
): Promise<{ source: string; file: string } | undefined> {
  if (inConfig !== undefined && inConfig !== null) {
    const file = join(dir, 'tokenizer_config.json')
    const source = Array.isArray(inConfig) ? defaultOf(inConfig) : inConfig
    if (typeof source !== 'string') {
      throw new UserError(`${file}: chat_template must be a template, or a list of them with one named "default"`)
    }
    return { source, file }
  }
  const bytes = await readIfPresent(dir, 'chat_template.jinja')
  return bytes && { source: new TextDecoder().decode(bytes), file: join(dir, 'chat_template.jinja') }
}

/** A list holds templates for several uses (plain, with tools ...) as `{ name, template }`. */
function defaultOf(templates: unknown[]): unknown {
  return templates.filter(isObject).find(({ name }) => name === 'default')?.template
}

function attempt<T>(action: () => T, complaint: string): T {
  try {
    return action()
  } catch (error) {
    throw new UserError(`${complaint} (${reasonOf(error)})`)
  }
}
