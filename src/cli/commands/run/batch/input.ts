import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { codeOf, UserError } from '../../../../ground/errors.js'
import { expandHome } from '../../../../ground/files/home.js'
import { type Line, readLines } from '../../../../ground/files/lines.js'
import { STDIN, takeStdin } from '../../../io/stdin.js'
import { MOST_LINE_BYTES } from './request.js'

/** A file of prompts, or stdin, read on demand. */
export interface BatchInput {
  /** Its name in messages. */
  name: string
  lines: AsyncIterable<Line>
  /** Reads it again from the start. Absent if that is impossible, as for a pipe. */
  again?(): AsyncIterable<Line>
  /** Size in bytes; undefined if it is not known in advance, as for a pipe. */
  bytes?: number
  isFile(path: string): Promise<boolean>
  close(): void
}

/** Opens an input. Rejects with a UserError that names it. */
export async function openInput(named: string, signal: AbortSignal): Promise<BatchInput> {
  if (named === STDIN) return inputOf('stdin', takeStdin(), signal, undefined)
  const path = expandHome(named)
  const info = await stat(path).catch((error: unknown) => {
    throw new UserError(codeOf(error) === 'ENOENT' ? `${path}: no such file` : cannotRead(path, error))
  })
  if (info.isDirectory()) throw new UserError(`${path}: is a folder, not a file`)
  const input = inputOf(path, createReadStream(path), signal, info.isFile() ? info : undefined)
  return info.isFile() ? { ...input, again: () => linesOf(path, createReadStream(path, { signal }), signal) } : input
}

function inputOf(
  name: string,
  stream: Readable,
  signal: AbortSignal,
  file: { size: number; dev: number; ino: number } | undefined,
): BatchInput {
  const stop = () => stream.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  return {
    name,
    lines: linesOf(name, stream, signal),
    bytes: file?.size,
    async isFile(path) {
      const other = await stat(path).catch(() => undefined)
      return file !== undefined && other?.dev === file.dev && other.ino === file.ino
    },
    close() {
      signal.removeEventListener('abort', stop)
      stream.destroy()
    },
  }
}

async function* linesOf(name: string, stream: Readable, signal: AbortSignal): AsyncGenerator<Line> {
  try {
    yield* readLines(stream, MOST_LINE_BYTES)
  } catch (error) {
    signal.throwIfAborted()
    throw new UserError(cannotRead(name, error))
  }
}

function cannotRead(name: string, error: unknown): string {
  return `${name}: cannot be read (${codeOf(error) ?? (error as Error).message})`
}
