import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codeOf } from '../../../../ground/errors.js'
import { cannotWrite } from '../../../../ground/files/folders.js'
import { readLines } from '../../../../ground/files/lines.js'
import { writeAtomically } from '../../../../ground/files/write-atomically.js'
import { isObject } from '../../../../ground/json/json.js'
import type { RequestId } from './request.js'

/**
 * The path of a file next to an output, used while the output is written. It is overwritten and removed without asking, so
 * the user must not have a file of that name: `yarn.lock` for an output `yarn` could be the user's own.
 */
export function sidecarPath(path: string, kind: 'lock' | 'again' | 'partial'): string {
  return join(dirname(path), `.molm-batch-${basename(path)}.${kind}`)
}

/** Maximum bytes of a result to read: a string can hold no more. */
export const MOST_RESULT_BYTES = 2 ** 28

/** Bytes to collect before a write. */
const CHUNK_BYTES = 2 ** 20

/** An earlier result to replace. The new one may have another id, since the id of a broken line is not known. */
export interface Replaced {
  line: number
  id: RequestId
}

/**
 * Results that replace earlier ones in a file. They are collected in a file next to it, so that a kill loses none, and put
 * in place all at once.
 */
export class Replacements {
  private readonly aside: string
  private file?: FileHandle

  constructor(private readonly path: string) {
    this.aside = sidecarPath(path, 'again')
  }

  /** Adds a result, a line of JSON, that replaces an earlier one. */
  async add({ line, id }: Replaced, result: string): Promise<void> {
    try {
      this.file ??= await open(this.aside, 'a')
      await this.file.appendFile(`{"line":${line},"replaces":${JSON.stringify(id)},"result":${result}}\n`)
    } catch (error) {
      throw cannotWrite(this.aside, error)
    }
  }

  /**
   * Puts all collected results in place, also a killed run's results. A result only replaces a line that has the
   * expected id. Replaces the file as a whole, or leaves it as it was.
   */
  async putInPlace(): Promise<void> {
    await this.close()
    const kept = await this.kept()
    if (kept === undefined) return
    try {
      const { mode } = await stat(this.path)
      const partial = sidecarPath(this.path, 'partial')
      if (kept.size > 0) await writeAtomically(this.path, this.merged(kept), { partial, mode })
      await rm(this.aside)
    } catch (error) {
      throw cannotWrite(this.path, error)
    }
  }

  async discard(): Promise<void> {
    await this.close()
    await rm(this.aside, { force: true })
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }

  /** The place of the result for each line in the file aside; undefined if there is no such file. */
  private async kept(): Promise<Map<number, LinePlace> | undefined> {
    const places = new Map<number, LinePlace>()
    try {
      let start = 0
      for await (const { bytes, end, isWhole } of readLines(createReadStream(this.aside), MOST_RESULT_BYTES)) {
        const entry = isWhole ? parsed(bytes) : undefined
        // The latest counts: two runs may have answered the same line.
        if (isObject(entry) && typeof entry.line === 'number') places.set(entry.line, { start, length: end - start })
        start = end
      }
      return places
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw cannotWrite(this.aside, error)
    }
  }

  /** The file with the collected results in place, in large pieces. */
  private async *merged(kept: ReadonlyMap<number, LinePlace>): AsyncGenerator<Buffer> {
    const aside = await open(this.aside)
    try {
      let chunks: Buffer[] = []
      let length = 0
      for await (const { number, bytes, isWhole } of readLines(createReadStream(this.path), MOST_RESULT_BYTES)) {
        if (!bytes) throw new Error(`line ${number} is too long`)
        const place = kept.get(number)
        const result = place && (await resultAt(aside, place, bytes))
        chunks.push(result ?? bytes, ...(isWhole ? [LINE_BREAK] : []))
        length += (result ?? bytes).length + 1
        if (length < CHUNK_BYTES) continue
        yield Buffer.concat(chunks)
        chunks = []
        length = 0
      }
      yield Buffer.concat(chunks)
    } finally {
      await aside.close()
    }
  }
}

/** A range of bytes in a file. */
interface LinePlace {
  start: number
  length: number
}

const LINE_BREAK = Buffer.from('\n')

/** The collected result for a line, if the line still has the result to replace. */
async function resultAt(aside: FileHandle, { start, length }: LinePlace, before: Buffer): Promise<Buffer | undefined> {
  const { buffer } = await aside.read(Buffer.alloc(length), 0, length, start)
  const [entry, earlier] = [parsed(buffer), parsed(before)]
  const isSame = isObject(entry) && isObject(earlier) && entry.replaces === earlier.id
  return isSame && isObject(entry.result) ? Buffer.from(JSON.stringify(entry.result)) : undefined
}

function parsed(bytes: Buffer | undefined): unknown {
  try {
    return bytes && JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
