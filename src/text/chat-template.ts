import { join } from 'node:path'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import type { JinjaProgram } from './jinja-program.js'
import type { LimitedProcess } from './limited-process.js'
import { specialTokens } from './special-tokens.js'
import { readIfPresent, readJsonIfPresent, reasonOf } from './text-files.js'

export interface ChatMessage {
  /** 'system', 'user' or 'assistant', or whatever else the template knows. */
  role: string
  content: string
}

export interface RenderOptions {
  /** End with the beginning of the assistant's answer. */
  addGenerationPrompt?: boolean
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}

/** How a model wants a conversation written out. */
export interface ChatTemplate {
  /**
   * The conversation as one text, special tokens and all. Rejects with a UserError where the template refuses it (roles
   * that do not alternate, say), or takes too long for it.
   */
  render(messages: readonly ChatMessage[], options?: RenderOptions): Promise<string>
  /** Gets ready to render, so that the first conversation need not wait for it. */
  prepare(): Promise<void>
}

/** Published templates have up to some 20 kB. */
const MOST_BYTES = 2 ** 20
const LIMITS = { mebibytes: 64, milliseconds: 1500 }

/**
 * Loads a folder's chat template: `chat_template` of tokenizer_config.json, else chat_template.jinja; undefined where
 * it has neither. Rejects with a UserError that names the file if there is no template in it.
 */
export async function loadChatTemplate(dir: string): Promise<ChatTemplate | undefined> {
  const [config = {}, specialMap = {}] = await Promise.all([
    readJsonIfPresent(dir, 'tokenizer_config.json'),
    readJsonIfPresent(dir, 'special_tokens_map.json'),
  ])
  const found = await findSource(dir, config)
  if (!found) return undefined
  const { source, file } = found
  if (source.length > MOST_BYTES) throw new UserError(`${file}: a chat template of more than 1 MiB is not read`)
  const tokens = specialTokens(config, specialMap).byRole
  return new JinjaTemplate(file, source, tokens)
}

/**
 * A template is a program, and a stranger's: it runs in a process of its own, where its time and memory are limited. One
 * that is plainly harmless is spared that.
 */
class JinjaTemplate implements ChatTemplate {
  private process?: Promise<LimitedProcess>
  private plain?: Promise<JinjaProgram | undefined>

  constructor(
    private readonly file: string,
    private readonly source: string,
    private readonly tokens: Record<string, string>,
  ) {}

  async prepare(): Promise<void> {
    if (!(await this.plainProgram().catch(() => undefined))) (await this.limitedProcess()).start()
  }

  async render(messages: readonly ChatMessage[], { addGenerationPrompt = false, signal }: RenderOptions = {}) {
    const variables = { ...this.tokens, messages, add_generation_prompt: addGenerationPrompt }
    try {
      const plain = await this.plainProgram()
      if (plain) return plain.render(variables)
      const process = await this.limitedProcess()
      return await process.ask<string>(variables, { milliseconds: LIMITS.milliseconds, signal })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new UserError(`${this.file}: the chat template does not take this conversation (${reasonOf(error)})`)
    }
  }

  /** Imported here, and so is the other, so that only who needs them loads them. */
  private limitedProcess(): Promise<LimitedProcess> {
    const script = new URL('./render-limited.js', import.meta.url)
    this.process ??= import('./limited-process.js').then(
      ({ LimitedProcess }) => new LimitedProcess(script, this.source, LIMITS.mebibytes),
    )
    return this.process
  }

  private plainProgram(): Promise<JinjaProgram | undefined> {
    this.plain ??= import('./jinja-program.js').then(({ plainProgram }) => plainProgram(this.source))
    return this.plain
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
