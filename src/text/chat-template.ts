import { join } from 'node:path'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { markEnd, upToMark } from './continued-message.js'
import { LimitedTemplate } from './jinja/limited-template.js'
import { specialTokens } from './special-tokens.js'
import { readIfPresent, readJsonIfPresent, reasonOf } from './text-files.js'

export interface ChatMessage {
  /** 'system', 'user' or 'assistant', or whatever else the template knows. */
  role: string
  content: string
}

/** A message with all that a template may know of: tool calls, a name, content in parts. */
export type TemplateMessage = ChatMessage | ({ role: string } & Record<string, unknown>)

export interface RenderOptions {
  /** End with the beginning of the assistant's answer. */
  addGenerationPrompt?: boolean
  /** Leave the last message open, so that what is generated goes on with it; no beginning of an answer is added then. */
  continueFinalMessage?: boolean
  /** More that the template knows by name: `tools`, `documents`, `enable_thinking` and so on, as JSON has them. */
  args?: Readonly<Record<string, unknown>>
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}

/** How a model wants a conversation written out. */
export interface ChatTemplate {
  /**
   * The conversation as one text, with the special tokens in it: encode it without adding any. Rejects with a UserError
   * where the template refuses it (roles that do not alternate, say), or takes too long for it.
   */
  render(messages: readonly TemplateMessage[], options?: RenderOptions): Promise<string>
  /** Gets ready to render, so that the first conversation need not wait for it. */
  prepare(): Promise<void>
}

/** Published templates have up to some 20 kB. */
const MOST_BYTES = 2 ** 20

/** The name of the template that is meant where none is named, and of the one for conversations with tools. */
const [DEFAULT, WITH_TOOLS] = ['default', 'tool_use']

/**
 * Loads a folder's chat template: chat_template.jinja, else `chat_template` of tokenizer_config.json, as one template or
 * as a list of them by name; undefined where it has neither. Rejects with a UserError that names the file if there is no
 * template in it.
 */
export async function loadChatTemplate(dir: string): Promise<ChatTemplate | undefined> {
  const [bytes, config = {}, specialMap = {}] = await Promise.all([
    readIfPresent(dir, 'chat_template.jinja'),
    readJsonIfPresent(dir, 'tokenizer_config.json'),
    readJsonIfPresent(dir, 'special_tokens_map.json'),
  ])
  const { chat_template: inConfig } = config
  if (!bytes && (inConfig === undefined || inConfig === null)) return undefined
  const file = join(dir, bytes ? 'chat_template.jinja' : 'tokenizer_config.json')
  const sources = bytes ? { [DEFAULT]: new TextDecoder().decode(bytes) } : sourcesByName(inConfig)
  if (!Object.hasOwn(sources, DEFAULT)) {
    throw new UserError(`${file}: chat_template must be a template, or a list of them with one named "default"`)
  }
  if (Object.values(sources).some((source) => source.length > MOST_BYTES)) {
    throw new UserError(`${file}: a chat template of more than 1 MiB is not read`)
  }
  return new NamedTemplates(file, sources, specialTokens(config, specialMap).byRole)
}

function sourcesByName(templates: unknown): Record<string, string> {
  const all = Array.isArray(templates) ? templates : [{ name: DEFAULT, template: templates }]
  const named = all.flatMap((entry) => {
    const { name, template } = isObject(entry) ? entry : {}
    return typeof name === 'string' && typeof template === 'string' ? [[name, template]] : []
  })
  return Object.fromEntries(named)
}

class NamedTemplates implements ChatTemplate {
  private readonly plain: LimitedTemplate
  private readonly withTools: LimitedTemplate

  constructor(
    private readonly file: string,
    sources: Record<string, string>,
    private readonly tokens: Record<string, string>,
  ) {
    this.plain = new LimitedTemplate(sources[DEFAULT])
    this.withTools = Object.hasOwn(sources, WITH_TOOLS) ? new LimitedTemplate(sources[WITH_TOOLS]) : this.plain
  }

  prepare(): Promise<void> {
    return this.plain.prepare()
  }

  async render(messages: readonly TemplateMessage[], options: RenderOptions = {}): Promise<string> {
    const { addGenerationPrompt = false, continueFinalMessage = false, args = {}, signal } = options
    const template = args.tools ? this.withTools : this.plain
    const variables = {
      ...this.tokens,
      ...args,
      messages: continueFinalMessage ? markEnd(messages) : messages,
      add_generation_prompt: addGenerationPrompt && !continueFinalMessage,
    }
    try {
      const text = await template.render(variables, signal)
      return continueFinalMessage ? upToMark(text) : text
    } catch (error) {
      if (signal?.aborted) throw error
      throw new UserError(`${this.file}: the chat template does not take this conversation (${reasonOf(error)})`)
    }
  }
}
