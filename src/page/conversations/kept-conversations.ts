import { type KeptBody, type KeptHead, readBody, readHead } from '../answers/kept-form.js'

const DATABASE = 'molm-conversations'
const VERSION = 1

/** Another tab has changed or deleted the conversation. */
export class ChangedElsewhere extends Error {
  constructor(readonly isDeleted: boolean) {
    super(isDeleted ? 'another tab has deleted the conversation' : 'another tab has changed the conversation')
  }
}

/** A conversation with its messages. */
export interface Kept {
  head: KeptHead
  body: KeptBody
}

/** A change of the kept conversations: one of them, or all if it has no id. */
export interface KeptChange {
  id?: string
  /** Whether the conversation is being answered, so that more changes follow soon. */
  isRunning?: boolean
}

/**
 * The conversations that this browser keeps, in IndexedDB. It holds more than the 5 MB of the local storage and does not
 * block the page, and its transactions notice what another tab has written. Every method rejects if the browser forbids
 * the storage, if it is full, or if a newer version of the page has written it.
 */
export class KeptConversations {
  private database?: Promise<IDBDatabase>
  private readonly channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(DATABASE) : undefined

  /** Calls `changed` at a change by another tab. */
  follow(changed: (change: KeptChange) => void): void {
    this.channel?.addEventListener('message', ({ data }) => changed(data as KeptChange))
  }

  /** Lists the conversations, those changed last first. `damaged` are ids of conversations that cannot be read. */
  async list(): Promise<{ heads: KeptHead[]; damaged: string[] }> {
    const [values, keys] = await this.within('readonly', ({ heads }) =>
      Promise.all([done(heads.getAll()), done(heads.getAllKeys())]),
    )
    const read = values.map((value) => readHead(value))
    const heads = read.filter((head) => head !== undefined).sort((a, b) => b.changed - a.changed)
    return { heads, damaged: keys.filter((_, i) => read[i] === undefined).map(String) }
  }

  /** Reads a conversation. Resolves with undefined if there is none; rejects if it is damaged. */
  async read(id: string): Promise<Kept | undefined> {
    const [head, body] = await this.within('readonly', ({ heads, bodies }) =>
      Promise.all([done(heads.get(id)), done(bodies.get(id))]),
    )
    if (head === undefined) return undefined
    const kept = { head: readHead(head), body: readBody(body) }
    if (!kept.head || !kept.body) throw new Error('this conversation is damaged and cannot be read')
    return kept as Kept
  }

  /**
   * Writes a conversation whose version this tab has read or written last; 0 for a new one. Its name stays, which another
   * tab may have changed. Resolves with the new version. Rejects with ChangedElsewhere if the stored one has another
   * version.
   */
  async write({ head, body }: Kept, isRunning: boolean): Promise<number> {
    const version = head.version + 1
    await this.within('readwrite', async ({ heads, bodies }) => {
      const before = (await done(heads.get(head.id))) as Partial<KeptHead> | undefined
      if ((before?.version ?? 0) !== head.version) throw new ChangedElsewhere(before === undefined)
      const name = before ? before.name : head.name
      await Promise.all([done(heads.put({ ...head, name, version })), done(bodies.put(body, head.id))])
    })
    this.channel?.postMessage({ id: head.id, isRunning } satisfies KeptChange)
    return version
  }

  async rename(id: string, name: string): Promise<void> {
    await this.within('readwrite', async ({ heads }) => {
      const head = await done(heads.get(id))
      if (head) await done(heads.put({ ...head, name: name || undefined }))
    })
    this.channel?.postMessage({ id } satisfies KeptChange)
  }

  /** Deletes a conversation, or all of them. */
  async delete(id?: string): Promise<void> {
    await this.within('readwrite', ({ heads, bodies }) =>
      Promise.all([heads, bodies].map((store) => done(id === undefined ? store.clear() : store.delete(id)))),
    )
    this.channel?.postMessage({ id } satisfies KeptChange)
  }

  /** Runs a transaction, and waits until it is complete. If `use` rejects, nothing of it is stored. */
  private async within<T>(mode: IDBTransactionMode, use: (stores: Stores) => Promise<T>): Promise<T> {
    this.database ??= this.open().catch((error) => {
      this.database = undefined
      throw error
    })
    const database = await this.database
    const transaction = database.transaction(['heads', 'bodies'], mode)
    const complete = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new Error('the browser did not store it'))
    })
    try {
      const [heads, bodies] = ['heads', 'bodies'].map((name) => transaction.objectStore(name))
      const result = await use({ heads, bodies })
      await complete
      return result
    } catch (error) {
      // The transaction rejects too.
      complete.catch(() => undefined)
      try {
        transaction.abort()
      } catch {
        // It has ended already.
      }
      throw error
    }
  }

  private async open(): Promise<IDBDatabase> {
    const request = indexedDB.open(DATABASE, VERSION)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('heads', { keyPath: 'id' })
      request.result.createObjectStore('bodies')
    }
    const database = await done(request)
    const forget = () => {
      this.database = undefined
    }
    // A newer page in another tab may need another form of the database.
    database.onversionchange = () => {
      database.close()
      forget()
    }
    database.onclose = forget
    return database
  }
}

interface Stores {
  heads: IDBObjectStore
  bodies: IDBObjectStore
}

/** Resolves with the result of a request. */
function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Says in plain words why a conversation is not kept, or cannot be opened. */
export function whyNotKept(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) }
  if (name === 'QuotaExceededError') return 'the browser’s storage is full. Delete some conversations, or save this one'
  if (name === 'VersionError') return 'a newer version of this page has kept conversations here'
  if (['SecurityError', 'InvalidStateError', 'ReferenceError'].includes(name)) return 'the browser does not allow it'
  return error instanceof DOMException ? `the browser’s storage does not work (${message})` : message
}
