import type { Step } from '../../../api/generation.js'
import type { ChatMessage } from '../../../api/text.js'
import { type AnswerPart, textOf } from '../../../engine/session/answer.js'
import type { Answered } from '../../../engine/session/turn.js'
import { expertsOf } from '../../../insight/usage/layers-json.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'
import { callsJson, messageJson } from '../../../text/message-json.js'
import { writeJson } from '../../io/output.js'
import type { TimedModel } from '../../setup/with-model.js'
import { type AwakeCount, awakeCountFor } from './awake-count.js'
import { printSummary } from './printed-summary.js'
import type { RunOptions } from './run-options.js'
import type { RunWriter } from './run-writer.js'
import { logprobsOf, summarise, summariseInterrupted } from './summary.js'

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
