import type { ConversationInfo } from '../../chat/conversations/conversation-info.js'
import type { ConversationState } from '../../chat/conversations/conversation-state.js'
import type { Conversations } from '../../chat/conversations/conversations.js'
import type { KeptConversation } from '../../chat/conversations/kept-conversation.js'
import { limitCaches } from '../../chat/prompt-cache/prompt-cache.js'
import { messageOf } from './state/notes.js'
import type { Conversation } from './turns/conversation.js'
import { isEmpty } from './turns/locate-answers.js'

export interface KeepOptions {
  /** The folder of kept conversations; absent if none is to be kept. */
  conversations?: Conversations
  /** Maximum bytes of all caches in that folder. Default: no caches are kept. */
  keptCacheBytes?: number
}

/** Why a conversation is kept now: a model begins to answer, has answered, or a change, which alone begins no file. */
export type KeepOccasion = 'asked' | 'answered' | 'changed'

/** Keeps a conversation in its file, and its cache beside it. A failure is said once, and the next turn tries again. */
export class Keeper {
  /** The conversations as they were last listed, for their numbers. */
  listed?: readonly ConversationInfo[]
  private kept?: KeptConversation
  private writing: Promise<void> = Promise.resolve()
  private hasFailed = false
  /** Whether the file has all that was to be kept. */
  private isWritten = false
  private cached = 0

  constructor(
    private options: KeepOptions,
    private readonly say: (note: string) => void,
  ) {}

  /** The folder of kept conversations; undefined if none is kept. */
  get conversations(): Conversations | undefined {
    return this.options.conversations
  }

  /** The conversation that is kept; undefined before its first message, and if that could not be written. */
  get current(): KeptConversation | undefined {
    return this.isWritten ? this.kept : undefined
  }

  /** Keeps a state, without an answer that was stopped before its first word. */
  async keep(chatState: ConversationState, occasion: KeepOccasion): Promise<void> {
    const last = chatState.messages.at(-1)
    const isBegun = last?.role === 'assistant' && isEmpty(last) && !last.toolCalls
    const state = { ...chatState, messages: chatState.messages.slice(0, isBegun ? -1 : undefined) }
    const { conversations, kept } = this
    const begins = state.messages.length > 0 && occasion !== 'changed'
    if (!conversations || !(kept || begins)) return
    // A new answer to an old question replaces the old one only when it is complete.
    if (occasion === 'asked' && kept && state.messages.length <= kept.state.messages.length) return
    this.kept = kept ?? conversations.begin(state)
    await this.tried(() => this.kept?.keep(state))
  }

  async rename(name: string): Promise<void> {
    await this.tried(() => this.kept?.rename(name))
  }

  /** Continues an opened conversation from now on, and loads its cache. */
  async take(kept: KeptConversation, conversation: Conversation): Promise<void> {
    this.kept = kept
    this.isWritten = !kept.isCopy
    this.cached = 0
    if (this.options.keptCacheBytes && !kept.isCopy) {
      this.cached = await conversation.read.load(kept.cachePath).catch(() => 0)
    }
  }

  /** Ends the conversation with its cache beside it; the next message begins another one. */
  async leave(conversation: Conversation): Promise<void> {
    await this.settled()
    const { kept, current } = this
    if (current) await this.saveCache(current, conversation).catch((error: unknown) => this.failed(error))
    await this.close(kept)
  }

  /** Ends the conversation without its cache. */
  async close(kept = this.kept): Promise<void> {
    if (this.kept === kept) {
      this.kept = undefined
      this.isWritten = false
    }
    await kept?.close().catch((error: unknown) => this.failed(error))
  }

  async stop(): Promise<void> {
    this.options = {}
    await this.close()
  }

  private async saveCache({ cachePath }: KeptConversation, conversation: Conversation): Promise<void> {
    const { conversations, keptCacheBytes: most = 0 } = this.options
    if (!conversations || most === 0 || conversation.length <= this.cached) return
    await conversation.read.save(cachePath, most)
    await limitCaches(conversations.folder, most)
  }

  async settled(): Promise<void> {
    await this.writing
  }

  private tried(write: () => Promise<void> | undefined): Promise<void> {
    const work = async () => {
      try {
        await write()
        this.isWritten = true
      } catch (error) {
        this.isWritten = false
        this.failed(error)
      }
    }
    // Writes run in order, so the last one ends last.
    this.writing = work()
    return this.writing
  }

  private failed(error: unknown): void {
    if (this.hasFailed) return
    this.hasFailed = true
    this.say(`this conversation is not kept: ${messageOf(error)}`)
  }
}
