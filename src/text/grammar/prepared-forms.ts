import { UserError } from '../../ground/errors.js'
import { formName } from './form-name.js'
import { Task } from './lane-task.js'
import type { Lanes } from './lanes.js'
import type { PreparedGrammar, PrepareReply } from './protocol.js'

/** Most forms, and bytes of them, that stay prepared. */
const MOST_FORMS = 64
const MOST_BYTES = 2 ** 25

/** The grammars of a guide. They are prepared one after the other. */
class Form extends Task<PrepareReply> {
  readonly prepared: PreparedGrammar[] = []
  readonly allowance = Infinity
  readonly canMove = true
  /** Guides that wait for it. */
  readers = 0

  constructor(
    private readonly grammars: readonly string[],
    private readonly prepare: (words: SharedArrayBuffer) => PreparedGrammar,
    client?: string,
  ) {
    super(client)
    if (grammars.length === 0) this.succeed()
  }

  get name(): string {
    return formName(JSON.parse(this.grammars[this.prepared.length]))
  }

  get request(): { grammars: readonly string[] } {
    return { grammars: this.grammars.slice(this.prepared.length) }
  }

  /** Characters. */
  override get size(): number {
    return this.grammars.reduce((sum, { length }) => sum + length, 0)
  }

  get bytes(): number {
    return this.prepared.reduce((sum, { words }) => sum + words.byteLength, 2 * this.size)
  }

  received({ words, error }: PrepareReply): boolean {
    if (words) this.prepared.push(this.prepare(words))
    else this.fail(new UserError(error ?? ''))
    if (this.prepared.length === this.grammars.length) this.succeed()
    return !this.isAwaited
  }
}

/** Prepares forms, each once for all guides that wait for it, and keeps the forms that were used last. */
export class PreparedForms {
  /** By the JSON of their grammars, the one used last at the end. */
  private readonly forms = new Map<string, Form>()
  private count = 0

  constructor(private readonly lanes: Pick<Lanes<PrepareReply>, 'add' | 'remove'>) {}

  /** Prepares grammars, given as JSON. Rejects with a UserError about one, with Busy, or with the signal's reason. */
  async prepare(
    grammars: readonly string[],
    { client, signal }: { client?: string; signal?: AbortSignal } = {},
  ): Promise<readonly PreparedGrammar[]> {
    signal?.throwIfAborted()
    const key = JSON.stringify(grammars)
    const form = this.forms.get(key) ?? this.begin(grammars, client)
    this.forms.delete(key)
    this.forms.set(key, form)
    form.readers++
    try {
      await form.untilReady(signal)
    } catch (error) {
      if (form.readers === 1) {
        this.lanes.remove(form)
        if (this.forms.get(key) === form) this.forms.delete(key)
      }
      throw error
    } finally {
      form.readers--
    }
    this.forgetOldest()
    return form.prepared
  }

  private begin(grammars: readonly string[], client?: string): Form {
    const form = new Form(grammars, (words) => ({ number: this.count++, words }), client)
    if (form.isAwaited) this.lanes.add(form)
    return form
  }

  private forgetOldest(): void {
    let bytes = [...this.forms.values()].reduce((sum, form) => sum + form.bytes, 0)
    for (const [key, form] of this.forms) {
      if (this.forms.size <= MOST_FORMS && bytes <= MOST_BYTES) return
      if (form.isAwaited) continue
      this.forms.delete(key)
      bytes -= form.bytes
    }
  }
}
