import { randomBytes } from 'node:crypto'
import { type FileHandle, lstat, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, UserError } from '../../ground/errors.js'
import { whileOpen } from '../../ground/files/byte-source.js'
import { molmHome } from '../../ground/files/home.js'
import { LockHeld, takeLock } from '../../ground/files/lock.js'
import { inOrder } from '../../ground/in-order.js'
import { plural } from '../../ground/numbers.js'
import { printable, reasonOf } from '../../ground/printable.js'
import { type ConversationInfo, readInfo } from './conversation-info.js'
import type { ConversationState } from './conversation-state.js'
import { KeptConversation, type OpenFile } from './kept-conversation.js'
import { type ConversationContents, openConversation, readContents } from './read-conversation.js'

/** Files read at once for a list. */
const PARALLEL = 16
/** Conversations from `molm run` that are kept. */
const MOST_RUNS = 100

/** Interface that it began in. Ids from `molm run` end with `-run`, so that old ones are found by their names. */
type Origin = 'chat' | 'run'

/** The kept conversations of a folder, a file each. */
export class Conversations {
  private constructor(
    readonly folder: string,
    private readonly origin: Origin,
  ) {}

  /**
   * The conversations in a folder; default: `conversations` in MOLM_HOME. `origin` is the interface of new conversations:
   * only the latest hundred of `molm run` stay.
   */
  static at(folder = join(molmHome(), 'conversations'), origin: Origin = 'chat'): Conversations {
    return new Conversations(folder, origin)
  }

  /** All with messages or a name, the latest change first. Reports why others cannot be read. */
  async list(onUnreadable: (reason: string) => void = () => {}): Promise<ConversationInfo[]> {
    const infos: ConversationInfo[] = []
    const read = (id: string) =>
      this.read(id).catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error
        onUnreadable(error.message)
        return undefined
      })
    for await (const info of inOrder(await this.ids(), read, { parallel: PARALLEL, waiting: PARALLEL })) {
      if (info && !isEmpty(info)) infos.push(info)
    }
    return infos.sort((a, b) => Number(b.changed) - Number(a.changed) || (a.id < b.id ? 1 : -1))
  }

  /**
   * Finds a conversation by its id, its name, the beginning of one of them, or the end of its id. Rejects with a UserError
   * if none or several have it; `listing` is the command that it recommends.
   */
  async find(name: string, listing = 'molm chat --list'): Promise<ConversationInfo> {
    const ids = await this.ids()
    if (ids.includes(name)) return this.readOr(name, name)
    const infos = await this.list()
    const wanted = name.trim().toLowerCase()
    const named = infos.filter((info) => info.name?.toLowerCase() === wanted)
    const found = named.length > 0 ? named : infos.filter((info) => wanted !== '' && isMeantBy(wanted, info))
    if (found.length === 1) return found[0]
    const typed = printable(name)
    if (found.length === 0) {
      // A damaged file has no entry in the list.
      const damaged = ids.filter((id) => wanted !== '' && id.startsWith(wanted))
      if (damaged.length === 1) return this.readOr(damaged[0], name)
      throw new UserError(`no conversation has the name or id '${typed}'; ${listing} shows them`)
    }
    const some = found.slice(0, 3).map(({ id }) => id)
    const more = found.length > some.length ? ', ...' : ''
    throw new UserError(
      `'${typed}' fits ${plural(found.length, 'conversation')}: ${some.join(', ')}${more}; give the id`,
    )
  }

  /** The first of the list; undefined if there is no conversation. Rejects if the one changed last cannot be read. */
  async latest(): Promise<ConversationInfo | undefined> {
    for (const id of await this.byChange()) {
      const info = await this.read(id)
      if (info && !isEmpty(info)) return info
    }
    return undefined
  }

  /** Begins a conversation. It has no file before its first message is kept. */
  begin(state: ConversationState): KeptConversation {
    return new KeptConversation({ ...this.pathsOf(newId(this.origin)), state })
  }

  /**
   * Opens a conversation to continue it. If another process has it open, or if it cannot be written, the result is a
   * copy with a reason. One of `molm run` that a chat opens becomes one of the chat and loses the end of its id.
   * Rejects with a UserError if the file is damaged or of a later version.
   */
  async open({ id, path }: Pick<ConversationInfo, 'id' | 'path'>): Promise<KeptConversation> {
    const { lockPath } = this.pathsOf(id)
    const reasonIn = (error: unknown) => {
      if (error instanceof UserError) return error instanceof LockHeld ? IN_USE : error.message
      throw error
    }
    const lock = await takeLock(lockPath, `conversation ${id}`).catch(reasonIn)
    if (typeof lock === 'string') return this.copy(path, lock)
    let file: FileHandle | undefined
    try {
      file = await this.openFile(path, 'append').catch((error: unknown) => {
        if (isReadOnly(error)) return undefined
        throw error
      })
      if (!file) {
        await lock.release()
        return await this.copy(path, 'its file cannot be written')
      }
      const { state, name, end } = await readContents(file, path)
      return await this.adopt(id, { file, lock, end }, { state, name })
    } catch (error) {
      await file?.close()
      await lock.release()
      throw error
    }
  }

  /** Reads a conversation that is not to be changed, even while another process has it open. */
  async stateOf({ path }: Pick<ConversationInfo, 'path'>): Promise<ConversationState> {
    return (await this.contentsOf(path)).state
  }

  /** Removes a conversation and its cache. Rejects with a UserError if it is open, or cannot be removed. */
  async remove({ id, path }: Pick<ConversationInfo, 'id' | 'path'>): Promise<void> {
    const { lockPath, cachePath } = this.pathsOf(id)
    const lock = await takeLock(lockPath, `conversation ${id}`).catch((error: unknown) => {
      throw error instanceof LockHeld ? new UserError(`${path}: not removed, since ${IN_USE}`) : error
    })
    try {
      await rm(path, { force: true })
      await rm(cachePath, { force: true })
    } catch (error) {
      throw new UserError(`${path}: cannot be removed (${reasonOf(error)})`)
    } finally {
      await lock.release()
    }
  }

  /** Removes all conversations of `molm run` but the latest hundred. Open ones stay. */
  async removeOldRuns(): Promise<void> {
    const runs = (await this.ids()).filter((id) => originOf(id) === 'run')
    if (runs.length <= MOST_RUNS) return
    for (const id of (await this.byChange(runs)).slice(MOST_RUNS)) {
      await this.remove(this.pathsOf(id)).catch(() => undefined)
    }
  }

  /** Makes a conversation of `molm run` one of the chat, if this is a chat and the folder can be written. */
  private async adopt(
    id: string,
    opened: OpenFile,
    contents: { state: ConversationState; name?: string },
  ): Promise<KeptConversation> {
    const paths = this.pathsOf(id)
    if (this.origin === 'run' || originOf(id) === 'chat') return new KeptConversation({ ...paths, ...contents, opened })
    const adopted = this.pathsOf(withoutOrigin(id))
    const lock = await takeLock(adopted.lockPath, `conversation ${adopted.id}`).catch(() => undefined)
    if (!lock) return new KeptConversation({ ...paths, ...contents, opened })
    try {
      await rename(paths.path, adopted.path)
    } catch {
      await lock.release()
      return new KeptConversation({ ...paths, ...contents, opened })
    }
    // Only speed is lost if that fails.
    await rename(paths.cachePath, adopted.cachePath).catch(() => undefined)
    await opened.lock.release()
    return new KeptConversation({ ...adopted, ...contents, opened: { ...opened, lock } })
  }

  private async copy(path: string, copyReason: string): Promise<KeptConversation> {
    const { state, name } = await this.contentsOf(path)
    const copied = name === undefined ? undefined : `${name} (copy)`
    return new KeptConversation({ ...this.pathsOf(newId(this.origin)), state, name: copied, copyReason })
  }

  private async contentsOf(path: string): Promise<ConversationContents> {
    return whileOpen(this.openFile(path, 'read'), (file) => readContents(file, path))
  }

  private async openFile(path: string, access: 'read' | 'append'): Promise<FileHandle> {
    try {
      return await openConversation(path, access)
    } catch (error) {
      if (error instanceof UserError || (access === 'append' && isReadOnly(error))) throw error
      throw new UserError(`${path}: cannot be read (${reasonOf(error)})`)
    }
  }

  /** Reads a conversation that the user named. */
  private async readOr(id: string, name: string): Promise<ConversationInfo> {
    const info = await this.read(id)
    if (!info) throw new UserError(`conversation '${printable(name)}' is empty: its first line was never written`)
    return info
  }

  private read(id: string): Promise<ConversationInfo | undefined> {
    return readInfo(this.pathsOf(id).path, id)
  }

  /** Ids of the files and links in the folder. */
  private async ids(): Promise<string[]> {
    try {
      const entries = await readdir(this.folder, { withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink())
      return files.flatMap(({ name }) => idOf(name) ?? [])
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw new UserError(`${this.folder}: cannot be read (${reasonOf(error)})`)
    }
  }

  /** Ids of files, without links, by their latest change. */
  private async byChange(ids?: readonly string[]): Promise<string[]> {
    const changes = (ids ?? (await this.ids())).map(async (id) => {
      const found = await lstat(this.pathsOf(id).path).catch(() => undefined)
      return found?.isFile() ? [{ id, time: found.mtimeMs }] : []
    })
    const sorted = (await Promise.all(changes)).flat().sort((a, b) => b.time - a.time || (a.id < b.id ? 1 : -1))
    return sorted.map(({ id }) => id)
  }

  private pathsOf(id: string) {
    const path = join(this.folder, `${id}${ENDING}`)
    return { id, path, lockPath: join(this.folder, `${id}.lock`), cachePath: join(this.folder, `${id}.cache`) }
  }
}

/** Fewest letters of an ending, so that a mistyped name finds nothing. */
const SHORTEST_ENDING = 4

function isMeantBy(wanted: string, { id, name = '' }: ConversationInfo): boolean {
  if ([id, name.toLowerCase()].some((text) => text.startsWith(wanted))) return true
  return wanted.length >= SHORTEST_ENDING && withoutOrigin(id).endsWith(wanted)
}

/** The shortest ending of an id that `find` takes for this conversation alone among `all`. */
export function shortId({ id }: ConversationInfo, all: readonly ConversationInfo[]): string {
  const whole = withoutOrigin(id)
  for (let letters = SHORTEST_ENDING; letters < whole.length; letters++) {
    const ending = whole.slice(-letters)
    if (all.filter((info) => isMeantBy(ending, info)).length === 1) return ending
  }
  return id
}

/** Whether all messages were taken back before the conversation got a name. */
function isEmpty({ messages, name }: ConversationInfo): boolean {
  return messages === 0 && name === undefined
}

const IN_USE = 'another process has it open'

function isReadOnly(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')
}

/** Ending of the files. */
const ENDING = '.jsonl'

/** An id that sorts by time and can name a file: `20261127-161459-k3f9x2`, in UTC. */
function newId(origin: Origin, now = new Date()): string {
  const [day, time] = now.toISOString().slice(0, 19).split('T')
  const random = [...randomBytes(6)].map((byte) => (byte % 36).toString(36)).join('')
  return `${day.replaceAll('-', '')}-${time.replaceAll(':', '')}-${random}${origin === 'run' ? '-run' : ''}`
}

function withoutOrigin(id: string): string {
  return id.replace(/-run$/, '')
}

function originOf(id: string): Origin {
  return id.endsWith('-run') ? 'run' : 'chat'
}

/** The id of a file's conversation; undefined if the file has another kind of name. */
function idOf(fileName: string): string | undefined {
  const id = fileName.endsWith(ENDING) ? fileName.slice(0, -ENDING.length) : ''
  return /^[\w-]{1,100}$/.test(id) ? id : undefined
}
