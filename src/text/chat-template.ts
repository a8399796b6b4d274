import { join } from 'node:path'
import type { ResponseTemplate } from '../api/response.js'
import type { ChatTemplate, RenderOptions, TemplateMessage } from '../api/text.js'
import { readIfPresent, readJsonIfPresent } from '../checkpoint/text-files.js'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { reasonOf } from '../printable.js'
import { markEnd, upToMark } from './continued-message.js'
import { LimitedTemplate } from './jinja/limited-template.js'
import { knownFormat } from './response/known-formats.js'
import { readResponseTemplate } from './response/read-template.js'
import { specialTokens } from './tokenizer/special-tokens.js'

/** Published templates have at most about 20 kB. */
const MOST_BYTES = 2 ** 20

/** Names of the default template and of the template for conversations with tools. */
const [DEFAULT, WITH_TOOLS] = ['default', 'tool_use']

/**
 * Loads a folder's chat template: chat_template.jinja, else `chat_template` of tokenizer_config.json, which is one
 * template or a list of named ones. Undefined if the folder has neither. Rejects with a UserError that names the file
 * if it contains no template.
 */
export async function loadChatTemplate(dir: string): Promise<ChatTemplate | undefined> {
  const [bytes, config = {}, specialMap = {}, { model_type } = {}] = await Promise.all([
    readIfPresent(dir, 'chat_template.jinja'),
    readJsonIfPresent(dir, 'tokenizer_config.json'),
    readJsonIfPresent(dir, 'special_tokens_map.json'),
    readJsonIfPresent(dir, 'config.json'),
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
  const known = knownFormat(Object.values(sources).join('\n'), String(model_type))
  const answers = answersOf(config.response_template, known, join(dir, 'tokenizer_config.json'))
  return new NamedTemplates(file, sources, specialTokens(config, specialMap).byRole, answers)
}

/** Form of a model's answers, and a warning if the checkpoint's own is wrong. */
type Answers = Pick<ChatTemplate, 'response' | 'warning'>

/**
 * The checkpoint's own form of answers, else the one that its chat template shows. A wrong one gives a
 * warning only: the model answers without it, too.
 */
function answersOf(own: unknown, known: ResponseTemplate | undefined, file: string): Answers {
  if (own === undefined || own === null) return { response: known }
  try {
    return { response: readResponseTemplate(own, file) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const instead = known ? 'answers are read in the form that the chat template shows' : 'answers are plain text'
    return { response: known, warning: `${error.message}; ${instead}` }
  }
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
  readonly response?: ResponseTemplate
  readonly warning?: string
  private readonly plain: LimitedTemplate
  private readonly withTools: LimitedTemplate

  constructor(
    private readonly file: string,
    private readonly sources: Record<string, string>,
    private readonly tokens: Record<string, string>,
    { response, warning }: Answers,
  ) {
    this.response = response
    this.warning = warning
    this.plain = new LimitedTemplate(sources[DEFAULT])
    this.withTools = Object.hasOwn(sources, WITH_TOOLS) ? new LimitedTemplate(sources[WITH_TOOLS]) : this.plain
  }

  prepare(): Promise<void> {
    return this.plain.prepare()
  }

  mentions(text: string): boolean {
    return Object.values(this.sources).some((source) => source.includes(text))
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
