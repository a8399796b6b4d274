import { type FileHandle, lstat, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ChatMessage } from '../../api/text.js'
import { codeOf, UserError } from '../../ground/errors.js'
import { cannotWrite, makeFolder } from '../../ground/files/folders.js'
import { type Lock, takeLock } from '../../ground/files/lock.js'
import { Queue } from '../../ground/queue.js'
import { oneLine } from './conversation-info.js'
import { eventLine, headLine, messageLine } from './conversation-lines.js'
import { type ConversationState, commonMessages, isSameMask } from './conversation-state.js'

/** An existing file, locked and open. */
export interface OpenFile {
  file: FileHandle
  lock: Lock
  /** Offset of the end of the last whole line. */
  end: number
}

export interface KeptOptions {
  id: string
  path: string
  lockPath: string
  cachePath: string
  state: ConversationState
  name?: string
  /** Reason in words if this is a copy of a conversation that could not be opened for writing. */
  copyReason?: string
  /** The file that has the state; default: none yet. */
  opened?: OpenFile
}

/** A conversation in a file, which its first message makes. Other processes are locked out until `close`. */
export class KeptConversation {
  readonly id: string
  readonly path: string
  /** Path for the cache of the conversation's tokens. */
  readonly cachePath: string
  /** Reason in words if this is a copy of a conversation that could not be opened for writing. */
  readonly copyReason?: string
  private readonly lockPath: string
  private current: ConversationState
  private currentName: string
  /** Contents of the file. */
  private written: ConversationState & { name: string }
  private file?: FileHandle
  private lock?: Lock
  /** Bytes of the whole lines in the file. */
  private end = 0
  /** Whether the file may have more than these bytes. */
  private isTorn = true
  private readonly work = new Queue()
  private isClosed = false

  constructor({ id, path, lockPath, cachePath, state, name = '', copyReason, opened }: KeptOptions) {
    this.id = id
    this.path = path
    this.lockPath = lockPath
    this.cachePath = cachePath
    this.copyReason = copyReason
    this.current = copyOf(state)
    this.currentName = name
    if (opened) Object.assign(this, opened)
    this.written = opened ? { ...this.current, name } : { messages: [], system: '', model: state.model, name: '' }
  }

  get isCopy(): boolean {
    return this.copyReason !== undefined
  }

  get name(): string | undefined {
    return this.currentName === '' ? undefined : this.currentName
  }

  /** The state that was last kept, or that the conversation began with. */
  get state(): ConversationState {
    return this.current
  }

  /**
   * Makes the file agree with a state: appends new messages and the other changes, and flushes them to the disk. Calls
   * run in order. Rejects with a UserError if that fails; the next call then tries again. Does nothing after `close`.
   */
  keep(state: ConversationState): Promise<void> {
    this.current = copyOf(state)
    return this.write()
  }

  /** Changes the name; an empty one removes it. The title shows its first 60 characters. */
  rename(name: string): Promise<void> {
    this.currentName = oneLine(name)
    return this.write()
  }

  /** Waits for all writes, and frees the file for other processes. */
  close(): Promise<void> {
    return this.work.run(async () => {
      this.isClosed = true
      const { file, lock } = this
      this.file = undefined
      this.lock = undefined
      await file?.close()
      if (file && this.end === 0) await rm(this.path, { force: true }).catch(() => undefined)
      await lock?.release()
    })
  }

  private write(): Promise<void> {
    return this.work.run(async () => {
      if (this.isClosed) return
      const next = { ...this.current, name: this.currentName }
      // A conversation begins with its first message.
      if (this.end === 0 && next.messages.length === 0) return
      const now = new Date()
      const lines = this.changesTo(next, now)
      if (lines.length === 0) return
      try {
        await this.append(
          [...(this.end === 0 ? [headLine({ created: now, model: next.model })] : []), ...lines].join(''),
        )
      } catch (error) {
        throw cannotWrite(this.path, error)
      }
      this.written = next
    })
  }

  /** Lines that turn the written state into the next one. */
  private changesTo(next: ConversationState & { name: string }, now: Date): string[] {
    const { written } = this
    // The model of a new file is in its head.
    const model = this.end === 0 ? next.model : written.model
    const common = commonMessages(written.messages, next.messages)
    const keep = common === written.messages.length ? undefined : common
    const added = next.messages.slice(common)
    return [
      ...(next.name === written.name ? [] : [eventLine({ rename: next.name })]),
      ...(next.model === model ? [] : [eventLine({ model: next.model })]),
      ...(next.system === written.system ? [] : [eventLine({ system: next.system })]),
      ...(isSameMask(next.mask, written.mask) ? [] : [eventLine({ mask: next.mask ?? [] })]),
      ...(keep !== undefined && added.length === 0 ? [eventLine({ keep })] : []),
      ...added.map((message, i) => messageLine(message, now, i === 0 ? keep : undefined)),
    ]
  }

  /** Appends whole lines. A kill can leave the beginning of the last line that it has written. */
  private async append(lines: string): Promise<void> {
    const bytes = Buffer.from(lines)
    const file = await this.openFile()
    if (this.isTorn) await file.truncate(this.end)
    this.isTorn = true
    await file.appendFile(bytes)
    await file.datasync()
    this.end += bytes.length
    this.isTorn = false
  }

  private async openFile(): Promise<FileHandle> {
    if (this.file) {
      await checkPresent(this.path)
      return this.file
    }
    const folder = dirname(this.path)
    await makeFolder(folder, 0o700)
    this.lock ??= await takeLock(this.lockPath, `conversation ${this.id}`)
    this.file = await open(this.path, 'ax', 0o600)
    return this.file
  }
}

/** Rejects with a UserError if a file that is open has no name any more: what is written to it would be lost. */
async function checkPresent(path: string): Promise<void> {
  await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new UserError(`${path}: was removed while the conversation was open`)
    throw error
  })
}

/** A copy that later changes of the messages leave alone. */
function copyOf({ messages, ...state }: ConversationState): ConversationState {
  return { ...state, messages: messages.map((message): ChatMessage => ({ ...message })) }
}
