import { type DBSchema, type IDBPDatabase, type IDBPObjectStore, openDB } from 'idb'
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

/** The database. Stored values may be damaged, so each read checks them. */
interface Stored extends DBSchema {
  heads: { key: string; value: KeptHead }
  bodies: { key: string; value: KeptBody }
}

type Mode = 'readonly' | 'readwrite'
type Store<Name extends 'heads' | 'bodies', M extends Mode> = IDBPObjectStore<Stored, ('heads' | 'bodies')[], Name, M>

/**
 * The conversations that this browser keeps, in IndexedDB. It holds more than the 5 MB of the local storage and does not
 * block the page, and its transactions notice what another tab has written. Every method rejects if the browser forbids
 * the storage, if it is full, or if a newer version of the page has written it.
 */
export class KeptConversations {
  private database?: Promise<IDBPDatabase<Stored>>
  private readonly channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(DATABASE) : undefined

  /** Calls `changed` at a change by another tab. */
  follow(changed: (change: KeptChange) => void): void {
    this.channel?.addEventListener('message', ({ data }) => changed(data as KeptChange))
  }

  /** Lists the conversations, those changed last first. `damaged` are ids of conversations that cannot be read. */
  async list(): Promise<{ heads: KeptHead[]; damaged: string[] }> {
    const [values, keys] = await this.within('readonly', (heads) => Promise.all([heads.getAll(), heads.getAllKeys()]))
    const read = values.map((value) => readHead(value))
    const heads = read.filter((head) => head !== undefined).sort((a, b) => b.changed - a.changed)
    return { heads, damaged: keys.filter((_, i) => read[i] === undefined) }
  }

  /** Reads a conversation. Resolves with undefined if there is none; rejects if it is damaged. */
  async read(id: string): Promise<Kept | undefined> {
    const [stored, messages] = await this.within('readonly', (heads, bodies) =>
      Promise.all([heads.get(id), bodies.get(id)]),
    )
    if (stored === undefined) return undefined
    const [head, body] = [readHead(stored), readBody(messages)]
    if (!head || !body) throw new Error('this conversation is damaged and cannot be read')
    return { head, body }
  }

  /**
   * Writes a conversation whose version this tab has read or written last; 0 for a new one. Its name stays, which another
   * tab may have changed. Resolves with the new version. Rejects with ChangedElsewhere if the stored one has another
   * version.
   */
  async write({ head, body }: Kept, isRunning: boolean): Promise<number> {
    const version = head.version + 1
    await this.within('readwrite', async (heads, bodies) => {
      const before = await heads.get(head.id)
      if ((before?.version ?? 0) !== head.version) throw new ChangedElsewhere(before === undefined)
      const name = before ? before.name : head.name
      await Promise.all([heads.put({ ...head, name, version }), bodies.put(body, head.id)])
    })
    this.tell({ id: head.id, isRunning })
    return version
  }

  async rename(id: string, name: string): Promise<void> {
    await this.within('readwrite', async (heads) => {
      const head = await heads.get(id)
      if (head) await heads.put({ ...head, name: name || undefined })
    })
    this.tell({ id })
  }

  /** Deletes a conversation, or all of them. */
  async delete(id?: string): Promise<void> {
    await this.within('readwrite', (...stores) =>
      Promise.all(stores.map((store) => (id === undefined ? store.clear() : store.delete(id)))),
    )
    this.tell({ id })
  }

  private tell(change: KeptChange): void {
    this.channel?.postMessage(change)
  }

  /** Runs a transaction, and waits until it is complete. If `use` rejects, nothing of it is stored. */
  private async within<M extends Mode, T>(
    mode: M,
    use: (heads: Store<'heads', M>, bodies: Store<'bodies', M>) => Promise<T>,
  ): Promise<T> {
    this.database ??= this.open()
    const transaction = (await this.database).transaction<('heads' | 'bodies')[], M>(['heads', 'bodies'], mode)
    // It rejects if the transaction is aborted, which the error before it has caused.
    transaction.done.catch(() => undefined)
    try {
      const result = await use(transaction.objectStore('heads'), transaction.objectStore('bodies'))
      await transaction.done
      return result
    } catch (error) {
      try {
        transaction.abort()
      } catch {
        // It has ended already.
      }
      throw error
    }
  }

  private async open(): Promise<IDBPDatabase<Stored>> {
    const forget = () => {
      this.database = undefined
    }
    try {
      return await openDB<Stored>(DATABASE, VERSION, {
        upgrade(database) {
          database.createObjectStore('heads', { keyPath: 'id' })
          database.createObjectStore('bodies')
        },
        // A newer page in another tab may need another form of the database.
        blocking(_version, _newer, { target }) {
          ;(target as IDBDatabase).close()
          forget()
        },
        terminated: forget,
      })
    } catch (error) {
      forget()
      throw error
    }
  }
}

/** Says in plain words why a conversation is not kept, or cannot be opened. */
export function whyNotKept(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) }
  if (name === 'QuotaExceededError') return 'the browser’s storage is full. Delete some conversations, or save this one'
  if (name === 'VersionError') return 'a newer version of this page has kept conversations here'
  if (['SecurityError', 'InvalidStateError', 'ReferenceError'].includes(name)) return 'the browser does not allow it'
  return error instanceof DOMException ? `the browser’s storage does not work (${message})` : message
}
