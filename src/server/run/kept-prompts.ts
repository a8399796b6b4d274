import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { cacheKey } from '../../chat/prompt-cache/cache-key.js'
import type { FoundPrompt, PromptStore, StoredPrompt } from '../../chat/prompt-cache/prompt-store.js'
import type { SessionMask } from '../../engine/session/shared/nearest-session.js'
import { UserError } from '../../ground/errors.js'

/** Fewer tokens are read faster than a file. */
const LEAST_TOKENS = 256

/** Caches of a model's prompts in a folder; they outlast the process. */
export class KeptPrompts {
  constructor(
    private readonly store: PromptStore,
    private readonly model: Model,
  ) {}

  /** The cache that shares most tokens with a prompt, if it saves enough reading; `known` tokens are in memory. */
  async find(prompt: readonly number[], known: number, mask?: SessionMask): Promise<FoundPrompt | undefined> {
    const key = await cacheKey(this.model, mask?.mask)
    const found = key === undefined ? undefined : this.store.find(key, prompt)
    return found && found.common - known >= LEAST_TOKENS ? found : undefined
  }

  /** Fills a session, if the file can still be used. */
  async load(stored: StoredPrompt, session: Session, mask?: SessionMask): Promise<void> {
    await this.store.load(stored, session, this.model, mask?.mask)
  }

  /** Saves a session of enough tokens. One that a request takes meanwhile is not saved. */
  async save(session: Session, mask?: SessionMask): Promise<void> {
    if (session.length < LEAST_TOKENS) return
    try {
      await this.store.save(session, this.model, mask?.mask)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
    }
  }
}
