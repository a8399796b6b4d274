import { type FileHandle, open, stat } from 'node:fs/promises'
import { UserError } from '../../errors.js'
import { cannotWrite } from '../../files/folders.js'
import { expandHome } from '../../files/home.js'
import { type Lock, takeLock } from '../../files/lock.js'
import { writeOut } from '../output.js'
import { STDIN } from '../stdin.js'
import type { BatchResult } from './answer.js'
import { readLines } from './lines.js'
import type { RequestId } from './request.js'

/** Most bytes of a result that is read again: a text can hold no more. */
const MOST_RESULT_BYTES = 2 ** 28

/** What an earlier run has written of a line. */
export interface Written {
  id: RequestId
  /** The line of the output. */
  line: number
  /** Absent where the line was not answered. */
  model?: string
}

/** Where results go, a line each. */
export interface BatchOutput {
  /** As messages call it. */
  name: string
  /** What is in it already, line by line. A last line that was cut short is taken away first. */
  written(): AsyncGenerator<Written>
  write(result: BatchResult): Promise<void>
  close(): Promise<void>
}

/** A file, which is gone on with; or stdout, also where the file is a pipe or a device. */
export async function openOutput(named: string | undefined): Promise<BatchOutput> {
  if (named === undefined || named === STDIN) return toStdout
  const path = expandHome(named)
  const info = await stat(path).catch(() => undefined)
  const isFile = info === undefined || info.isFile()
  const lock = isFile ? await takeLock(`${path}.lock`, `writing ${path}`) : undefined
  try {
    const file = await open(path, isFile ? 'a+' : 'w')
    return isFile ? new ResultFile(path, file, lock) : new ResultStream(path, file)
  } catch (error) {
    await lock?.release()
    throw cannotWrite(path, error)
  }
}

const toStdout: BatchOutput = {
  name: 'stdout',
  async *written() {},
  write: (result) => writeOut(lineOf(result)),
  async close() {},
}

/** Something that cannot be read again. */
class ResultStream implements BatchOutput {
  constructor(
    readonly name: string,
    protected readonly file: FileHandle,
  ) {}

  async *written(): AsyncGenerator<Written> {}

  async write(result: BatchResult): Promise<void> {
    await this.file.appendFile(lineOf(result)).catch((error: unknown) => {
      throw cannotWrite(this.name, error)
    })
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}

class ResultFile extends ResultStream {
  constructor(
    path: string,
    file: FileHandle,
    private readonly lock: Lock | undefined,
  ) {
    super(path, file)
  }

  override async *written(): AsyncGenerator<Written> {
    const stream = this.file.createReadStream({ start: 0, autoClose: false })
    let whole = 0
    for await (const { number, bytes, end, isWhole } of readLines(stream, MOST_RESULT_BYTES)) {
      if (!isWhole) {
        if (!beginsResult(bytes)) throw this.noResult(number)
        break
      }
      whole = end
      yield this.parse(number, bytes)
    }
    await this.file.truncate(whole)
  }

  override async close(): Promise<void> {
    await super.close()
    await this.lock?.release()
  }

  private parse(line: number, bytes: Buffer | undefined): Written {
    try {
      const { id, model, error }: Record<string, unknown> = bytes ? JSON.parse(bytes.toString()) : {}
      const isResult = typeof model === 'string' ? error === undefined : typeof error === 'string'
      if ((typeof id === 'string' || typeof id === 'number') && isResult) {
        return { id, line, ...(typeof model === 'string' && { model }) }
      }
    } catch {
      // Told below.
    }
    throw this.noResult(line)
  }

  private noResult(line: number): UserError {
    return new UserError(
      `${this.name}: line ${line} is no result of \`run --batch\`, so it cannot be gone on with; give another file`,
    )
  }
}

/** Whether a line that was cut short can have been a result: nothing else is ever taken away. */
function beginsResult(bytes: Buffer | undefined): boolean {
  const start = '{"id":'
  const found = bytes?.subarray(0, start.length).toString() ?? ''
  return found !== '' && start.startsWith(found)
}

/** The id comes first: see `beginsResult`. */
function lineOf(result: BatchResult): string {
  return `${JSON.stringify(result)}\n`
}
