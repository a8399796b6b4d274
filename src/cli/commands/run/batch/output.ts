import { createReadStream } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { UserError } from '../../../../ground/errors.js'
import { cannotWrite } from '../../../../ground/files/folders.js'
import { expandHome } from '../../../../ground/files/home.js'
import { readLines } from '../../../../ground/files/lines.js'
import { type Lock, takeLock } from '../../../../ground/files/lock.js'
import { writeOut } from '../../../io/output.js'
import { STDIN } from '../../../io/stdin.js'
import type { BatchResult } from './answer.js'
import { MOST_RESULT_BYTES, type Replaced, Replacements, sidecarPath } from './replacements.js'
import type { RequestId } from './request.js'

/** The destination of results, one per line. */
export interface BatchOutput {
  /** Its name in messages. */
  name: string
  /** Reads the results in it. Removes an incomplete last line at the end. */
  written(): AsyncGenerator<Written>
  /** Appends a result, after it has put all replacements in place. */
  write(result: BatchResult): Promise<void>
  /** Replaces an earlier result, at the latest when the output is closed. */
  replace(earlier: Replaced, result: BatchResult): Promise<void>
  /** Discards replacements that are not in place yet. */
  forget(): Promise<void>
  close(): Promise<void>
}

/** Opens a file to append results to, or a stream: stdout, a pipe or a device. */
export async function openOutput(typed: string | undefined): Promise<BatchOutput> {
  if (typed === undefined || typed === STDIN) return toStdout
  const named = expandHome(typed)
  // The target of a link, so that the file is replaced, not the link.
  const path = await realpath(named).catch(() => named)
  const info = await stat(path).catch(() => undefined)
  const isFile = info === undefined || info.isFile()
  const lock = isFile ? await takeLock(sidecarPath(path, 'lock'), `writing ${path}`) : undefined
  try {
    if (!lock) return new ResultStream(named, await open(path, 'w'))
    const replacements = new Replacements(path)
    if (info) await replacements.putInPlace()
    else await replacements.discard()
    return new ResultFile(named, path, await open(path, 'a+'), lock, replacements)
  } catch (error) {
    await lock?.release()
    throw cannotWrite(path, error)
  }
}

const toStdout: BatchOutput = {
  name: 'stdout',
  async *written() {},
  write: (result) => writeOut(lineOf(result)),
  async replace() {
    throw new Error('stdout has no lines to replace')
  },
  async forget() {},
  async close() {},
}

/** A stream that cannot be read again. */
class ResultStream implements BatchOutput {
  constructor(
    readonly name: string,
    protected file: FileHandle,
  ) {}

  async *written(): AsyncGenerator<Written> {}

  async write(result: BatchResult): Promise<void> {
    await this.file.appendFile(lineOf(result)).catch((error: unknown) => {
      throw cannotWrite(this.name, error)
    })
  }

  async replace(_earlier: Replaced, _result: BatchResult): Promise<void> {
    throw new Error('a stream has no lines to replace')
  }

  async forget(): Promise<void> {}

  async close(): Promise<void> {
    await this.file.close()
  }
}

class ResultFile extends ResultStream {
  private hasReplacements = false

  constructor(
    name: string,
    private readonly path: string,
    file: FileHandle,
    private readonly lock: Lock,
    private readonly replacements: Replacements,
  ) {
    super(name, file)
  }

  override async *written(): AsyncGenerator<Written> {
    const stream = createReadStream(this.path)
    let whole = 0
    for await (const { number, bytes, end, isWhole } of readLines(stream, MOST_RESULT_BYTES)) {
      if (!isWhole) {
        if (!beginsResult(bytes)) throw this.noResult(number)
        break
      }
      const result = parseWritten(number, bytes)
      if (!result) throw this.noResult(number)
      whole = end
      yield result
    }
    await this.file.truncate(whole)
  }

  override async write(result: BatchResult): Promise<void> {
    if (this.hasReplacements) await this.putInPlace()
    await super.write(result)
  }

  override async replace(earlier: Replaced, result: BatchResult): Promise<void> {
    await this.replacements.add(earlier, JSON.stringify(result))
    this.hasReplacements = true
  }

  override async forget(): Promise<void> {
    this.hasReplacements = false
    await this.replacements.discard()
  }

  override async close(): Promise<void> {
    try {
      if (this.hasReplacements) await this.putInPlace()
    } finally {
      await super.close()
      await this.replacements.close()
      await this.lock.release()
    }
  }

  private async putInPlace(): Promise<void> {
    this.hasReplacements = false
    await this.replacements.putInPlace()
    const replaced = this.file
    this.file = await open(this.path, 'a+')
    await replaced.close()
  }

  private noResult(line: number): UserError {
    return new UserError(
      `${this.name}: line ${line} is not a result of \`run --batch\`, so nothing is added to the file; give another one`,
    )
  }
}

/** The id comes first, as `beginsResult` expects. */
function lineOf(result: BatchResult): string {
  return `${JSON.stringify(result)}\n`
}

/** A result in the output of an earlier run. */
interface Written {
  id: RequestId
  /** Line number in the output. */
  line: number
  /** Absent if the result is an error. */
  model?: string
  /** Hashes of the answered line and of the options: `LINE-OPTIONS`. Absent if the result is an error. */
  request?: string
}

/** Parses a line of an output; undefined if it is not a result. */
function parseWritten(line: number, bytes: Buffer | undefined): Written | undefined {
  try {
    const { id, model, request, error }: Record<string, unknown> = bytes ? JSON.parse(bytes.toString()) : {}
    if (typeof id !== 'string' && typeof id !== 'number') return undefined
    if (typeof model === 'string' && typeof request === 'string' && error === undefined)
      return { id, line, model, request }
    return model === undefined && typeof error === 'string' ? { id, line } : undefined
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
