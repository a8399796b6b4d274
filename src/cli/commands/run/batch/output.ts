import { createReadStream } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { UserError } from '../../../../ground/errors.js'
import { cannotWrite } from '../../../../ground/files/folders.js'
import { expandHome } from '../../../../ground/files/home.js'
import { readLines } from '../../../../ground/files/lines.js'
import { type Lock, takeLock } from '../../../../ground/files/lock.js'
import { writeAtomically } from '../../../../ground/files/write-atomically.js'
import { writeOut } from '../../../io/output.js'
import { STDIN } from '../../../io/stdin.js'
import type { BatchResult } from './answer.js'
import type { RequestId } from './request.js'

/** The bytes of a result in an output, with its line break. */
export interface Place {
  start: number
  end: number
}

/** A result in the output of an earlier run. */
export interface WrittenResult extends Place {
  id: RequestId
  /** Line number in the output. */
  line: number
  /** Absent if the result is an error. */
  model?: string
  /** Hashes of the answered line and of the options: `LINE-OPTIONS`. Absent if the result is an error. */
  request?: string
}

/** Maximum bytes of a result to read: a string can hold no more. */
const MOST_RESULT_BYTES = 2 ** 28

/** Bytes to copy at once. A longer line is copied whole. */
const CHUNK_BYTES = 2 ** 20

/**
 * The destination of results, one per line: a file, or a stream, such as stdout, a pipe or a device. A file is only ever
 * appended to, so that a kill loses no result. `putInOrder` puts a sorted one in its place at the end.
 */
export class BatchOutput {
  /** End of the results of earlier runs. */
  private before = 0
  private end = 0

  private constructor(
    /** Its name in messages. */
    readonly name: string,
    /** Absent for stdout. */
    private readonly stream?: FileHandle,
    /** Absent for a stream. */
    private readonly file?: { path: string; lock: Lock },
  ) {}

  static async open(typed: string | undefined): Promise<BatchOutput> {
    if (typed === undefined || typed === STDIN) return new BatchOutput('stdout')
    const named = expandHome(typed)
    // The target of a link, so that the file is replaced, not the link.
    const path = await realpath(named).catch(() => named)
    const info = await stat(path).catch(() => undefined)
    const isFile = info === undefined || info.isFile()
    const lock = isFile ? await takeLock(lockPath(path), `writing ${path}`) : undefined
    try {
      return lock
        ? new BatchOutput(named, await open(path, 'a+'), { path, lock })
        : new BatchOutput(named, await open(path, 'w'))
    } catch (error) {
      await lock?.release()
      throw cannotWrite(path, error)
    }
  }

  /** Reads the results of earlier runs. Removes an incomplete last line at the end. */
  async *written(): AsyncGenerator<WrittenResult> {
    if (!this.stream || !this.file) return
    this.end = 0
    const lines = readLines(createReadStream(this.file.path), MOST_RESULT_BYTES)
    for await (const { number, bytes, end, isWhole } of lines) {
      const result = isWhole ? parsed(bytes) : undefined
      if (!result && (isWhole || !beginsResult(bytes))) {
        throw new UserError(
          `${this.name}: line ${number} is not a result of \`run --batch\`, so nothing is added to the file; give another one`,
        )
      }
      if (!result) break
      yield { ...result, line: number, start: this.end, end }
      this.end = end
    }
    this.before = this.end
    await this.stream.truncate(this.end)
  }

  async write(result: BatchResult): Promise<Place> {
    // The id comes first, as `beginsResult` expects.
    const line = `${JSON.stringify(result)}\n`
    if (!this.stream) await writeOut(line)
    await this.stream?.appendFile(line).catch((error: unknown) => {
      throw cannotWrite(this.name, error)
    })
    const start = this.end
    this.end += Buffer.byteLength(line)
    return { start, end: this.end }
  }

  /** Leaves only the results at `places`, in this order. Replaces a file as a whole, or leaves it as it was. */
  async putInOrder(places: readonly Place[]): Promise<void> {
    if (!this.stream || !this.file) return
    const [all] = joined(places, Infinity)
    if (places.length === 0 || (all.start === 0 && all.end === this.end)) return
    await writeAtomically(this.file.path, this.bytesAt(places))
  }

  /** Removes the results of this run. */
  async forget(): Promise<void> {
    if (this.file) await this.stream?.truncate(this.before)
  }

  async close(): Promise<void> {
    await this.stream?.close()
    await this.file?.lock.release()
  }

  private async *bytesAt(places: readonly Place[]): AsyncGenerator<Buffer> {
    for (const { start, end } of joined(places, CHUNK_BYTES)) {
      const length = end - start
      const { buffer, bytesRead } = (await this.stream?.read(Buffer.alloc(length), 0, length, start)) ?? {}
      if (!buffer || bytesRead !== length) throw new UserError(`${this.name}: has been changed by another program`)
      yield buffer
    }
  }
}

/** Not `yarn.lock` for an output `yarn`: that could be the user's own. */
export function lockPath(path: string): string {
  return join(dirname(path), `.molm-batch-${basename(path)}.lock`)
}

/** Joins places that follow each other, up to a number of bytes. */
function* joined(places: readonly Place[], mostBytes: number): Generator<Place> {
  let run: Place | undefined
  for (const { start, end } of places) {
    if (run && run.end === start && end - run.start <= mostBytes) {
      run.end = end
      continue
    }
    if (run) yield run
    run = { start, end }
  }
  if (run) yield run
}

/** Parses a line of an output; undefined if it is not a result. */
function parsed(bytes: Buffer | undefined): Pick<WrittenResult, 'id' | 'model' | 'request'> | undefined {
  try {
    const { id, model, request, error }: Record<string, unknown> = bytes ? JSON.parse(bytes.toString()) : {}
    if (typeof id !== 'string' && typeof id !== 'number') return undefined
    if (typeof model === 'string' && typeof request === 'string' && error === undefined) return { id, model, request }
    return model === undefined && typeof error === 'string' ? { id } : undefined
  } catch {
    return undefined
  }
}

/** Whether an incomplete line can be a result. No other line is ever removed. */
function beginsResult(bytes: Buffer | undefined): boolean {
  const start = '{"id":'
  const found = bytes?.subarray(0, start.length).toString() ?? ''
  return found !== '' && start.startsWith(found)
}
