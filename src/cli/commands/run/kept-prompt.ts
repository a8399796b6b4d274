import { dirname } from 'node:path'
import type { Model } from '../../../api/model.js'
import type { Session } from '../../../api/session.js'
import { commonPrefix } from '../../../ground/common-prefix.js'
import { UserError } from '../../../ground/errors.js'
import { plural } from '../../../ground/numbers.js'
import { note } from '../../io/output.js'
import { keptCacheBytes } from '../../parsing/keeping-options.js'
import type { RunOptions } from './run-options.js'

/** Fewer tokens are read faster than a file. */
const LEAST_LOADED = 32
/** Fewer tokens are not worth a file beside a conversation. */
const LEAST_KEPT = 256
/**
 * With this share of new tokens, or less, the file of --prompt-cache stays: to write all of it would take longer than to
 * read these again. So one text can be asked many questions, and is written once.
 */
const FEW_NEW = 1 / 32

/**
 * The cache of a prompt in a file: what a run has read, the next one need not read again. --prompt-cache names the
 * file, or it is beside a kept conversation and stays within a size.
 */
export class KeptPrompt {
  private tokens: readonly number[] = []
  private readonly most = keptCacheBytes()

  constructor(private readonly options: Pick<RunOptions, 'promptCache' | 'quiet' | 'verbose'>) {}

  /** Fills a session from the file, if that shares the beginning of the prompt. `beside` is the conversation's file. */
  async load(session: Session, model: Model, prompt: readonly number[], beside?: string): Promise<void> {
    const path = this.options.promptCache ?? beside
    if (path === undefined) return
    const { loadCache } = await import('../../../chat/prompt-cache/prompt-cache.js')
    // The user named the file of --prompt-cache, and has to know why it is not used.
    const onNote = (text: string) => path === beside || this.options.quiet || note(`note: ${text}`)
    const loaded = await loadCache(path, session, model, { prompt, least: LEAST_LOADED, onNote })
    this.tokens = [...session.tokens]
    if (this.options.verbose) note(`${path}: ${plural(loaded, 'token')} loaded`)
  }

  /**
   * Saves what the session has read, unless the file has all of it, or all but a little. A failure is a warning: the
   * answer is there.
   */
  async save(session: Session, model: Model, beside?: string): Promise<void> {
    const { promptCache, quiet, verbose } = this.options
    const path = promptCache ?? beside
    const isKept = promptCache === undefined
    const missing = session.length - commonPrefix(this.tokens, session.tokens)
    if (path === undefined || missing <= (isKept ? 0 : FEW_NEW * session.length)) return
    if (isKept && (session.length < LEAST_KEPT || this.most === 0)) return
    try {
      const { limitCaches, saveCache } = await import('../../../chat/prompt-cache/prompt-cache.js')
      const saved = await saveCache(path, session, model, isKept ? { most: this.most } : {})
      if (isKept) await limitCaches(dirname(path), this.most)
      if (verbose) note(`${path}: ${plural(saved, 'token')} saved`)
      else if (saved === 0 && !isKept && !quiet) {
        note(`warning: ${path}: not written, since it would take more than half of the free disk`)
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      if (!quiet) note(`warning: ${error.message}`)
    }
  }
}
