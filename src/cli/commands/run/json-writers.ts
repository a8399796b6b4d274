import type { Step } from '../../../api/generation.js'
import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { type AnswerPart, textOf } from '../../../engine/session/answer.js'
import type { Answered } from '../../../engine/session/turn.js'
import { expertsOf } from '../../../insight/usage/layers-json.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'
import { callsJson, messageJson } from '../../../text/message-json.js'
import { writeJson } from '../../io/output.js'
import type { TimedModel } from '../../setup/with-model.js'
import { type AwakeCount, awakeCountFor } from './awake-count.js'
import type { RunOptions } from './run-options.js'
import type { RunWriter } from './run-writer.js'
import { logprobsOf, printSummary, type RunSummary, summarise, summariseInterrupted } from './summary.js'

/** Fields of a summary that precede the text of the answer. */
type Beginning = Pick<RunSummary, 'model' | 'prompt_tokens' | 'tokens'>

/** Prints one object at the end: the last answer, and all messages if tools ran. */
export class JsonWriter implements RunWriter {
  private steps: Step[] = []
  private text = ''
  private thinking = ''
  private readonly messages: ChatMessage[] = []
  private awake: AwakeCount | undefined

  constructor(
    private readonly options: RunOptions,
    private readonly loaded: TimedModel,
  ) {}

  async start(prefill: string): Promise<void> {
    this.steps = []
    this.text = prefill
    this.thinking = ''
    this.awake = awakeCountFor(this.options, this.loaded.model)
  }

  async step(step: Step, events: readonly AnswerEvent[]): Promise<void> {
    this.steps.push(step)
    this.awake?.add(step)
    this.add(events)
  }

  async end(answered: Answered): Promise<void> {
    const { events, message, isLast } = answered
    this.add(events)
    this.messages.push(message)
    if (!isLast) return
    const summary = await summarise(this.loaded, answered)
    await this.write(summary, message.toolCalls)
    if (this.options.verbose) printSummary(summary, this.loaded, this.options)
  }

  async ran(result: ChatMessage): Promise<void> {
    this.messages.push(result)
  }

  async interrupted(promptTokens: number): Promise<void> {
    const known = { promptTokens, tokens: this.steps.map(({ token }) => token), seed: this.options.seed }
    await this.write(await summariseInterrupted(this.loaded, known))
  }

  private write(summary: Beginning, calls: readonly ToolCall[] = []): Promise<void> {
    const { model, prompt_tokens, tokens, ...rest } = summary
    return writeJson({
      ...{ model, prompt_tokens, tokens, text: this.text },
      ...(this.thinking !== '' && { reasoning_content: this.thinking }),
      ...(calls.length > 0 && { tool_calls: callsJson(calls) }),
      // The added messages, if they are more than one answer.
      ...(this.messages.length > 1 && { messages: this.messages.map(messageJson) }),
      ...rest,
      ...this.perToken(),
    })
  }

  private add(events: readonly AnswerEvent[]): void {
    this.text += textOf(events, 'content')
    this.thinking += textOf(events, 'thinking')
  }

  private perToken() {
    const { logprobs, experts } = this.options
    const { tokenizer } = this.loaded.model
    return {
      ...(logprobs !== undefined && { logprobs: this.steps.map((step) => logprobsOf(step, tokenizer)) }),
      ...(experts && { experts: this.steps.map(expertsOf) }),
      ...(this.awake && { awake: this.awake.counts }),
    }
  }
}

/** Prints an object per token, one per message if tools run, and one at the end. */
export class JsonLinesWriter implements RunWriter {
  private tokens: number[] = []
  private awake: AwakeCount | undefined

  constructor(
    private readonly options: RunOptions,
    private readonly loaded: TimedModel,
  ) {}

  /** The lines are tokens of the model, not the given beginning. */
  async start(): Promise<void> {
    this.tokens = []
    this.awake = awakeCountFor(this.options, this.loaded.model)
  }

  /** A token that ends one part of the message and begins the next has a line for each. */
  async step(step: Step, events: readonly AnswerEvent[], kind: AnswerPart): Promise<void> {
    const { logprobs, experts } = this.options
    const { index, token } = step
    this.tokens.push(token)
    this.awake?.add(step)
    const { logprob, top_logprobs } = logprobsOf(step, this.loaded.model.tokenizer)
    const [first, ...others] = partsOf(events, kind)
    await writeJson({
      index,
      token,
      ...first,
      ...(logprobs !== undefined && { logprob, top_logprobs }),
      ...(experts && { experts: expertsOf(step) }),
    })
    for (const part of others) await writeJson({ index, token, ...part })
  }

  /** Prints what was held back here: no token's line has it, and the texts of all lines make up the whole. */
  async end(answered: Answered): Promise<void> {
    const { events, message, isLast } = answered
    if (!isLast) return writeJson({ message: messageJson(message) })
    const summary = await summarise(this.loaded, answered)
    const { toolCalls = [] } = message
    const text = textOf(events, 'content')
    const thinking = textOf(events, 'thinking')
    await writeJson({
      ...summary,
      ...this.ofAll(),
      ...(text && { text }),
      ...(thinking && { reasoning_content: thinking }),
      ...(toolCalls.length > 0 && { tool_calls: callsJson(toolCalls) }),
    })
    if (this.options.verbose) printSummary(summary, this.loaded, this.options)
  }

  ran(result: ChatMessage): Promise<void> {
    return writeJson({ message: messageJson(result) })
  }

  async interrupted(promptTokens: number): Promise<void> {
    const known = { promptTokens, tokens: this.tokens, seed: this.options.seed }
    await writeJson({ ...(await summariseInterrupted(this.loaded, known)), ...this.ofAll() })
  }

  private ofAll() {
    return this.awake && { awake: this.awake.counts }
  }
}

/** The texts of a token by the parts that they belong to; one without text if nothing is certain yet. */
function partsOf(events: readonly AnswerEvent[], kind: AnswerPart): { kind: AnswerPart; text: string }[] {
  const parts: { kind: AnswerPart; text: string }[] = []
  for (const event of events) {
    if (event.kind === 'called') continue
    const last = parts.at(-1)
    if (last?.kind === event.kind) last.text += event.text
    else parts.push({ kind: event.kind, text: event.text })
  }
  return parts.length > 0 ? parts : [{ kind, text: '' }]
}
