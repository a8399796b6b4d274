import type { ChatMessage } from '../../../api/text.js'
import { Conversations } from '../../../chat/conversations/conversations.js'
import type { KeptConversation } from '../../../chat/conversations/kept-conversation.js'
import { UserError } from '../../../ground/errors.js'
import { modelWord } from '../../../library/finding/model-words.js'
import { maskJson } from '../../../model/config/read-mask.js'
import { note } from '../../io/output.js'
import type { ConversationStart } from '../../parsing/conversation-options.js'
import { latestOf, modelToContinue, openContinued } from '../../setup/continued.js'
import type { TimedModel } from '../../setup/with-model.js'
import type { RunOptions } from './run-options.js'

/**
 * Opens the conversation that keeps this run. For -c it is the latest one, and the run begins with its messages, system
 * text and model.
 */
export async function withKeptRun(
  start: ConversationStart,
  options: RunOptions,
  use: (start: ConversationStart, options: RunOptions, kept?: KeptRun) => Promise<void>,
): Promise<void> {
  const conversations = Conversations.at(undefined, 'run')
  if (!options.continue) return use(start, options, new KeptRun(conversations, options))
  const { state, kept } = await openContinued(conversations, await latestOf(conversations), options)
  if (kept?.copyReason !== undefined && !options.quiet) note(`${kept.copyReason}; a copy is continued`)
  try {
    const model = await modelToContinue(options.model, state, options)
    const answered = answeredMessages(state.messages)
    if (answered.length < state.messages.length && !options.quiet) {
      note('the last question has no complete answer; it is left out')
    }
    const continued = {
      ...start,
      messages: answered,
      system: options.system === undefined ? state.system : start.system,
    }
    await use(continued, { ...options, model, keptMask: state.mask }, kept && new KeptRun(conversations, options, kept))
  } finally {
    await kept?.close()
  }
}

/** Keeps the messages of a run. A failure is only a note. */
export class KeptRun {
  /** Path for the cache of the conversation's tokens; absent while it has no file. */
  cachePath?: string

  constructor(
    private readonly conversations: Conversations,
    private readonly options: RunOptions,
    /** The conversation that is continued; default: a new one. */
    private readonly continued?: KeptConversation,
  ) {
    this.cachePath = continued?.cachePath
  }

  async keep(messages: readonly ChatMessage[], system: string, { model, mask }: TimedModel): Promise<void> {
    // Without a template, the text is continued, not answered.
    if (!this.continued && !model.chatTemplate) return
    const state = { messages, system, model: modelWord(model), ...(mask && { mask: maskJson(mask) }) }
    const conversation = this.continued ?? this.conversations.begin(state)
    try {
      await conversation.keep(state)
      this.cachePath = conversation.cachePath
      if (!this.continued) await this.conversations.removeOldRuns()
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      if (!this.options.quiet) note(`this answer is not kept: ${error.message}; --no-history keeps none`)
    } finally {
      await conversation.close()
    }
  }
}

/** The messages up to the last complete answer. A kill can leave a question or a call without one. */
function answeredMessages(messages: readonly ChatMessage[]): ChatMessage[] {
  const last = messages.findLastIndex(({ role, toolCalls = [] }) => role === 'assistant' && toolCalls.length === 0)
  return messages.slice(0, last + 1)
}
