import type { ResponseTemplate } from '../api/response.js'
import type { ChatTemplate, RenderOptions, TemplateMessage } from '../api/text.js'
import { UsageError, UserError } from '../ground/errors.js'
import { readIfPresent, readJsonIfPresent } from '../ground/files/small-file.js'
import { isObject } from '../ground/json/json.js'
import { pathIn } from '../ground/platform/files.js'
import { reasonOf } from '../ground/printable.js'
import { knownFormat } from './answers/known-formats.js'
import { readResponseTemplate } from './answers/read-template.js'
import type { JinjaProgram } from './jinja/program.js'
import type { LimitedProcess } from './sandbox/limited-process.js'
import { specialTokens } from './tokenizer/definition/special-tokens.js'

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
  const file = pathIn(dir, bytes ? 'chat_template.jinja' : 'tokenizer_config.json')
  const sources = bytes ? { [DEFAULT]: new TextDecoder().decode(bytes) } : sourcesByName(inConfig)
  if (!Object.hasOwn(sources, DEFAULT)) {
    throw new UserError(`${file}: chat_template must be a template, or a list of them with one named "default"`)
  }
  if (Object.values(sources).some((source) => source.length > MOST_BYTES)) {
    throw new UserError(`${file}: a chat template of more than 1 MiB is not read`)
  }
  const known = knownFormat(Object.values(sources).join('\n'), String(model_type))
  const answers = answersOf(config.response_template, known, pathIn(dir, 'tokenizer_config.json'))
  return new NamedTemplates(file, sources, specialTokens(config, specialMap).byRole, answers)
}

/** Form of a model's answers, and a warning if the checkpoint's own is wrong. */
type Answers = Pick<ChatTemplate, 'response' | 'warning'>

/** The checkpoint's own form of answers, else the one that its template shows. A wrong one is only a warning. */
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

/** Marks the end of the last message. The blank behind it shows whether the template trims messages. */
const MARK = 'END_OF_THE_CONTINUED_MESSAGE'

/** Adds a mark to the end of the last message. Throws a UsageError if that message is not a text. */
function markEnd(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const last = messages.at(-1)
  if (typeof last?.content !== 'string')
    throw new UsageError('only a text can be continued, and the last message is not a text')
  return [...messages.slice(0, -1), { ...last, content: `${last.content}${MARK} ` }]
}

/** The rendered text up to the mark, trimmed if the template trims. Throws an Error if it has left the message out. */
function upToMark(text: string): string {
  const at = text.lastIndexOf(MARK)
  if (at < 0) throw new Error('it leaves out the last message')
  const isTrimmed = text[at + MARK.length] !== ' '
  return isTrimmed ? text.slice(0, at).trimEnd() : text.slice(0, at)
}

const MEBIBYTES = 64
const MILLISECONDS = 1500

/**
 * A chat template is an untrusted program: it runs in a sandbox process with limits of time and memory. Short and plain
 * templates, which cannot do harm, run in this process.
 */
class LimitedTemplate {
  private process?: Promise<LimitedProcess>
  private plain?: Promise<JinjaProgram | undefined>

  constructor(private readonly source: string) {}

  /** Gets ready to render. Errors of the template are reported by `render`. */
  async prepare(): Promise<void> {
    if (!(await this.plainProgram().catch(() => undefined))) (await this.limitedProcess()).start()
  }

  /** Rejects with the template's error, the limit it exceeded, or the signal's reason when aborted. */
  async render(variables: Record<string, unknown>, signal?: AbortSignal): Promise<string> {
    const plain = await this.plainProgram()
    if (plain) return plain.render(variables)
    const process = await this.limitedProcess()
    return process.ask<string>(variables, { milliseconds: MILLISECONDS, signal })
  }

  /** Imports the interpreter on demand, as `limitedProcess` does the sandbox. */
  private plainProgram(): Promise<JinjaProgram | undefined> {
    this.plain ??= import('./jinja/program.js').then(({ plainProgram }) => plainProgram(this.source))
    return this.plain
  }

  private limitedProcess(): Promise<LimitedProcess> {
    const script = new URL('../bundle/render-limited.js', import.meta.url)
    this.process ??= import('./sandbox/limited-process.js').then(
      ({ LimitedProcess }) => new LimitedProcess(script, this.source, MEBIBYTES),
    )
    return this.process
  }
}
