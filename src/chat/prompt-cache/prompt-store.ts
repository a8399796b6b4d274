import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { commonPrefix } from '../../ground/common-prefix.js'
import { UserError } from '../../ground/errors.js'
import { whileOpen } from '../../ground/files/byte-source.js'
import { makeFolder } from '../../ground/files/folders.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { sha256Hex } from '../../ground/platform/checksums.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { openCacheFile } from './cache-file.js'
import { cacheKey } from './cache-key.js'
import { CACHE_ENDING, limitCaches, loadCache, saveCache } from './prompt-cache.js'

export interface StoredPrompt {
  path: string
  key: string
  tokens: Int32Array
}

/** A cache, and the number of tokens that it shares with a prompt. */
export interface FoundPrompt {
  stored: StoredPrompt
  common: number
}

export interface StoreOptions {
  /** Most bytes of all caches together; the least recently used ones are removed. */
  most: number
  /** Receives a line about each file that cannot be used. */
  onNote?: (note: string) => void
}

/** Caches in a folder, found by the beginnings of prompts. */
export class PromptStore {
  private constructor(
    private readonly folder: string,
    private readonly options: StoreOptions,
    private readonly stored: Map<string, StoredPrompt>,
  ) {}

  /** Makes the folder if it is not there, and reads the tokens of the caches in it. Rejects with a UserError if it cannot be used. */
  static async open(folder: string, options: StoreOptions): Promise<PromptStore> {
    await makeFolder(folder, 0o700)
    await limitCaches(folder, options.most)
    const stored = new Map<string, StoredPrompt>()
    for (const name of await readdir(folder)) {
      if (!name.endsWith(CACHE_ENDING)) continue
      const path = join(folder, name)
      try {
        const { key, tokens } = await whileOpen(openLocalFile(path), openCacheFile)
        stored.set(path, { path, key, tokens })
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        options.onNote?.(`${error.message}, so it is not used`)
      }
    }
    return new PromptStore(folder, options, stored)
  }

  /** The cache of a key that shares most tokens with a prompt, and their number; the prompt's last token must run. */
  find(key: string, prompt: ArrayLike<number>): FoundPrompt | undefined {
    const found = [...this.stored.values()]
      .filter((stored) => stored.key === key)
      .map((stored): FoundPrompt => ({ stored, common: commonPrefix(stored.tokens, prompt, prompt.length - 1) }))
    // Among equals, the shortest file loads fastest.
    found.sort((a, b) => b.common - a.common || a.stored.tokens.length - b.stored.tokens.length)
    return found[0]?.common > 0 ? found[0] : undefined
  }

  /** Puts a cache into a session. Resolves with its number of tokens; 0 if the file cannot be used any more. */
  async load({ path }: StoredPrompt, session: Session, model: Model, mask?: ExpertMask): Promise<number> {
    const loaded = await loadCache(path, session, model, { mask, onNote: this.options.onNote })
    if (loaded === 0) this.stored.delete(path)
    return loaded
  }

  /**
   * Saves the cache of a session, unless one in the folder has all of its tokens. It replaces the caches
   * that are its beginnings. Rejects with a UserError if it cannot be written, or the session changes meanwhile.
   */
  async save(session: Session, model: Model, mask?: ExpertMask): Promise<void> {
    const key = await cacheKey(model, mask)
    const tokens = Int32Array.from(session.tokens)
    if (key === undefined || tokens.length === 0 || this.missing(key, tokens) === 0) return
    const path = join(this.folder, `${nameOf(key, tokens)}${CACHE_ENDING}`)
    const saved = await saveCache(path, session, model, { mask, most: this.options.most })
    if (saved === 0) return
    for (const { path, key: other, tokens: shorter } of [...this.stored.values()]) {
      if (other !== key || shorter.length > commonPrefix(shorter, tokens)) continue
      this.stored.delete(path)
      await rm(path, { force: true })
    }
    this.stored.set(path, { path, key, tokens })
    await limitCaches(this.folder, this.options.most)
  }

  /** Number of a sequence's tokens that no cache of the key has. */
  missing(key: string, tokens: ArrayLike<number>): number {
    let most = 0
    for (const stored of this.stored.values()) {
      if (stored.key === key) most = Math.max(most, commonPrefix(stored.tokens, tokens))
    }
    return tokens.length - most
  }
}

/** The same for the same tokens, so that processes with one folder do not keep them twice. */
function nameOf(key: string, tokens: Int32Array): string {
  const ids = sha256Hex(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength))
  return sha256Hex(Buffer.from(`${key} ${ids}`)).slice(0, 32)
}
