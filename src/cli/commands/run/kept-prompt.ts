import type { Model } from '../../../api/model.js'
import type { Session } from '../../../api/session.js'
import { commonPrefix } from '../../../common-prefix.js'
import { UserError } from '../../../errors.js'
import { formatCount, plural } from '../../../numbers.js'
import { note } from '../../io/output.js'
import type { RunOptions } from './run-options.js'

/** Fewer tokens are read faster than a file. */
const LEAST_TOKENS = 32

/** The cache of a prompt in a file: what a run has read, the next one need not read again. */
export class KeptPrompt {
  /** Tokens of the file. */
  private tokens: readonly number[] = []

  constructor(
    private readonly path: string,
    private readonly options: Pick<RunOptions, 'quiet' | 'verbose'>,
  ) {}

  /** Fills a session from the file, if that shares the beginning of the prompt. */
  async load(session: Session, model: Model, prompt: readonly number[]): Promise<void> {
    const { loadCache } = await import('../../../prompt-cache/prompt-cache.js')
    const onNote = (text: string) => this.options.quiet || note(`note: ${text}`)
    const loaded = await loadCache(this.path, session, model, { prompt, least: LEAST_TOKENS, onNote })
    this.tokens = [...session.tokens]
    if (this.options.verbose) note(`${this.path}: ${loaded === 0 ? 'no tokens' : formatCount(loaded)} taken up`)
  }

  /** Saves what the session has read, unless the file has all of it. A failure is a warning: the answer is there. */
  async save(session: Session, model: Model): Promise<void> {
    if (session.length <= commonPrefix(this.tokens, session.tokens)) return
    try {
      const { saveCache } = await import('../../../prompt-cache/prompt-cache.js')
      const saved = await saveCache(this.path, session, model)
      if (saved === 0) this.warn(`${this.path}: not written, since it would take more than half of the free disk`)
      else if (this.options.verbose) note(`${this.path}: ${plural(saved, 'token')} kept`)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      this.warn(error.message)
    }
  }

  private warn(text: string): void {
    if (!this.options.quiet) note(`warning: ${text}`)
  }
}
