import type { ConversationInfo } from '../../chat/conversations/conversation-info.js'
import type { ConversationState } from '../../chat/conversations/conversation-state.js'
import type { Conversations } from '../../chat/conversations/conversations.js'
import type { KeptConversation } from '../../chat/conversations/kept-conversation.js'
import { UserError } from '../../ground/errors.js'
import { note, type OutputOptions } from '../io/output.js'
import { type KeepingFlags, keepsHistory } from '../parsing/keeping-options.js'

export interface Continued {
  state: ConversationState
  /** Its file, open; absent if nothing is kept. The caller closes it. */
  kept?: KeptConversation
}

/** Opens a conversation, or only reads it if nothing is kept. */
export async function openContinued(
  conversations: Conversations,
  info: ConversationInfo,
  options: KeepingFlags,
): Promise<Continued> {
  if (!keepsHistory(options)) return { state: await conversations.stateOf(info) }
  const kept = await conversations.open(info)
  return { state: kept.state, kept }
}

/** The latest conversation. Rejects with a UserError if there is none. */
export async function latestOf(conversations: Conversations): Promise<ConversationInfo> {
  const info = await conversations.latest()
  if (info) return info
  throw new UserError(`no conversation to continue in ${conversations.folder}; 'molm chat' begins one`)
}

/**
 * The model that continues a conversation: the one that the command line or $MOLM_MODEL names, else the conversation's.
 * Undefined, with a note, if that one is not on this computer any more.
 */
export async function modelToContinue(
  named: string | undefined,
  { model }: ConversationState,
  { quiet }: OutputOptions,
): Promise<string | undefined> {
  if (named !== undefined || process.env.MOLM_MODEL || model === '') return named
  const { resolveModel } = await import('../../library/finding/resolve-model.js')
  try {
    await resolveModel(model)
    return model
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    if (!quiet) note(`the conversation was with ${model}, which is not here any more; the default model continues it`)
    return undefined
  }
}
