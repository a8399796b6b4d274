import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { ChatMessage } from '../../api/text.js'
import { codeOf, UserError } from '../../ground/errors.js'
import { type Line, readLines } from '../../ground/files/lines.js'
import { MOST_JSON_BYTES } from '../../ground/json/json.js'
import { formatBytes } from '../../ground/numbers.js'
import { type ConversationEvent, type Head, readHead, readLine } from './conversation-lines.js'
import type { ConversationState } from './conversation-state.js'

/** Maximum bytes of a file. Its messages have to fit into memory. */
const MOST_BYTES = 512 * 2 ** 20
/** Bytes of one read. */
const CHUNK_BYTES = 2 ** 16

/** The contents of a kept conversation. */
export interface ConversationContents {
  head: Head
  state: ConversationState
  name?: string
  /** Offset of the end of the last whole line. A kill can leave the beginning of another one behind it. */
  end: number
}

/**
 * Opens a kept conversation. Rejects with a UserError if the path is a link or no file, or if the file is too long. Other
 * errors are the system's.
 */
export async function openConversation(path: string, access: 'read' | 'append' = 'read'): Promise<FileHandle> {
  const { O_RDONLY, O_RDWR, O_APPEND, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  // Without O_NONBLOCK, a pipe would wait for its writer.
  const flags = (access === 'append' ? O_RDWR | O_APPEND : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK
  let file: FileHandle
  try {
    file = await open(path, flags)
  } catch (error) {
    if (codeOf(error) === 'ELOOP') throw new UserError(`${path}: is a link; molm opens only files here`)
    throw error
  }
  try {
    const info = await file.stat()
    if (!info.isFile()) throw new UserError(`${path}: is not a file`)
    if (info.size > MOST_BYTES) {
      const [size, most] = [info.size, MOST_BYTES].map(formatBytes)
      throw new UserError(`${path}: has ${size}; kept conversations have ${most} at most`)
    }
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The lines of a file. */
export function linesIn(file: FileHandle): AsyncGenerator<Line> {
  return readLines(chunksOf(file), MOST_JSON_BYTES)
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

/** Reads a whole file. Rejects with a UserError that names the line if one is damaged. */
export async function readContents(file: FileHandle, path: string): Promise<ConversationContents> {
  let head: Head | undefined
  let end = 0
  const messages: ChatMessage[] = []
  const latest: Omit<ConversationState, 'messages'> & { name: string } = { system: '', model: '', name: '' }
  const apply = (event: ConversationEvent) => {
    if ('keep' in event) messages.length = Math.min(messages.length, event.keep)
    else if ('rename' in event) latest.name = event.rename
    else Object.assign(latest, event)
  }
  for await (const line of linesIn(file)) {
    if (!line.isWhole) break
    end = line.end
    if (!head) {
      head = readHead(line.bytes, path)
      latest.model = head.model
      continue
    }
    const read = readLine(line.bytes, `${path}: line ${line.number}`)
    if (read.event) {
      apply(read.event)
      continue
    }
    if (read.keep !== undefined) apply({ keep: read.keep })
    messages.push(read.message)
  }
  head ??= readHead(undefined, path)
  const { name, ...state } = latest
  return { head, state: { ...state, messages }, ...(name !== '' && { name }), end }
}
