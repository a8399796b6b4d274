import type { AskOptions, Think } from '../api/chat-options.js'
import type { GuideSpec, OutputConstraint } from '../api/guide.js'
import type { ChatMessage, ChatTemplate, EncodeOptions, Tokenizer } from '../api/text.js'
import { UserError } from '../ground/errors.js'
import type { Message } from '../ground/message.js'
import type { Reading } from './answer-reader.js'
import { type Asked, askedOf, ToolError } from './prompt/asked.js'
import { LiteralTexts } from './prompt/literal-texts.js'
import { callsNoTools, mentionsIn, templatePrompt, thinksBy } from './prompt/template-prompt.js'
import { thinkChoices, unthought } from './prompt/think-switch.js'

export interface ChatFrameOptions extends AskOptions, OutputConstraint {
  /** The model's chat template; without one, turns are written as plain text. */
  template?: ChatTemplate
  /** The model's tokenizer; without it, texts of the conversation may become special tokens. */
  tokenizer?: Pick<Tokenizer, 'literal'>
  /** Name of the model, for notes and errors. Default: "the model". */
  model?: string
  /** Further variables of the template, with values of JSON. */
  args?: Readonly<Record<string, unknown>>
  /** System text, put before the conversation. */
  system?: string
  prefill?: string
  signal?: AbortSignal
}

/** A conversation written out as the model's prompt. */
export interface ChatFrame {
  text: string
  encoding: EncodeOptions
  /** Stop strings for models that name none. */
  stop: string[]
  reading: Reading
  /** Limits of the answer; absent if there are none. */
  guide?: GuideSpec
  /** Notes for the user, such as that the model cannot stop thinking. */
  notes: Message[]
  /** Whether the template leaves out the system text, so that the model never reads it. */
  dropsSystem: boolean
}

const THE_MODEL = 'the model'

/**
 * Writes a conversation up to the beginning of the next answer. If the last message is the assistant's, it stays open,
 * so that the model continues it. Uses the model's template, else plain turns of `User:` and `Assistant:`.
 *
 * Rejects with a UserError if the template refuses the conversation; the message says if it accepts it without the
 * system text. Rejects, too, if the model has no form for the tools or their calls, and if an answer that has been begun
 * is to match a schema, grammar or regex.
 */
export async function writeChat(messages: readonly ChatMessage[], options: ChatFrameOptions = {}): Promise<ChatFrame> {
  const { template, prefill = '' } = options
  const turns = prefill === '' ? messages : [...messages, { role: 'assistant', content: prefill }]
  const last = turns.at(-1)
  const begun = last?.role === 'assistant' ? last.content : undefined
  const asked = askedOf(options)
  if (last?.role === 'assistant' && last.toolCalls?.length) {
    throw new ToolError('the last message has calls of tools: their results must follow')
  }
  if (begun !== undefined && asked.content) {
    throw new UserError('a schema, grammar or regex is for a whole answer, and this one has been begun')
  }
  const literals = options.tokenizer && new LiteralTexts(options.tokenizer)
  const written = literals ? turns.map((turn) => literals.message(turn)) : turns
  const parts = { turns: written, begun, asked, options, literals }
  return template ? templateFrame(parts, template) : plainFrame(parts)
}

/** Warning for a system text that the template leaves out (`dropsSystem`). */
export function systemDropped(model: string): string {
  return `${model}'s chat template leaves system texts out: this one has no effect`
}

/** The values of `think` that change a model's answers, such as 'off' and 'on'. None if it does not think. */
export async function thinkingChoices(template: ChatTemplate | undefined): Promise<Think[]> {
  if (!template) return []
  const render = (args: Readonly<Record<string, unknown>>) =>
    template.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true, args })
  return thinkChoices({ hasThoughts: thinksBy(template), mentions: mentionsIn(template), render })
}

interface FrameParts {
  turns: readonly ChatMessage[]
  /** Beginning of the answer, if it has one. */
  begun?: string
  asked: Asked
  options: ChatFrameOptions
  /** Wrote the turns. */
  literals?: LiteralTexts
}

async function plainFrame(parts: FrameParts): Promise<ChatFrame> {
  const { turns, begun, asked, options, literals } = parts
  const { model = THE_MODEL } = options
  if (asked.tools.length > 0 || turns.some(({ role, toolCalls }) => role === 'tool' || toolCalls)) {
    throw callsNoTools(model)
  }
  const text = plainTurns(turns, systemOf(parts), begun !== undefined)
  return {
    text,
    encoding: { addSpecialTokens: true, hasLiterals: literals !== undefined },
    stop: ['\nUser:', '\nAssistant:'],
    reading: readingOf(text, parts),
    ...(asked.content && { guide: (await guides()).plainGuide(text, asked.content) }),
    notes: unthought(options, model),
    dropsSystem: false,
  }
}

/** Imported on demand, since most answers have no limits. */
function guides(): Promise<typeof import('./prompt/answer-guide.js')> {
  return import('./prompt/answer-guide.js')
}

async function templateFrame(parts: FrameParts, template: ChatTemplate): Promise<ChatFrame> {
  const { turns, begun, asked, options, literals } = parts
  const { model = THE_MODEL, thinkBudget } = options
  const { tools } = asked
  const system = systemOf(parts)
  const args = options.args && (literals?.variables(options.args) ?? options.args)
  const all = system.trim() === '' ? turns : [{ role: 'system', content: system }, ...turns]
  const continues = begun !== undefined
  const isForced = asked.content !== undefined || (tools.length > 0 && asked.toolChoice !== 'auto')
  const prompt = await templatePrompt(all, { ...options, template, literals, model, args, continues, tools, isForced })
  const { text, notes, dropsSystem } = prompt
  const isLimited = tools.length > 0 || asked.content !== undefined || thinkBudget !== undefined
  const limits = { ...options, ...asked, ...prompt, model, response: template.response }
  const guide = isLimited ? (await guides()).answerGuide(limits) : undefined
  return {
    text,
    encoding: { addSpecialTokens: false, hasLiterals: literals !== undefined },
    stop: [],
    reading: { response: template.response, ...readingOf(text, parts) },
    ...(guide && { guide }),
    notes: template.warning === undefined ? notes : [template.warning, ...notes],
    dropsSystem,
  }
}

function systemOf({ options: { system = '' }, literals }: FrameParts): string {
  return literals?.text(system) ?? system
}

function readingOf(prompt: string, { begun, asked: { tools } }: FrameParts): Reading {
  return {
    prompt,
    isAnswer: begun === undefined,
    isTurn: true,
    ...(begun !== undefined && { begun }),
    ...(tools.length > 0 && { tools }),
  }
}

/** Names of the roles for models without a template. */
const NAMES = new Map(Object.entries({ user: 'User', assistant: 'Assistant', system: 'System' }))

/** Writes a conversation as plain text, up to the beginning of the next answer or the end of the one that continues. */
function plainTurns(messages: readonly ChatMessage[], system: string, continues: boolean): string {
  const turns = messages.map(({ role, content }) => `${NAMES.get(role) ?? role}: ${content.trim()}\n`).join('')
  const text = continues ? turns.trimEnd() : `${turns}Assistant:`
  return system.trim() === '' ? text : `${system.trim()}\n\n${text}`
}
