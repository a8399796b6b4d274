import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { Model } from '../api/model.js'
import { codeOf, UserError } from '../errors.js'
import { cannotWrite } from '../files/folders.js'

const FORMAT = 'molm-ablation 1'

/**
 * Losses that an ablation has measured so far, in a file: a line with a hash of the model and the parts, then a line
 * of JSON for each condition. A line that a kill cut off does not count.
 *
 * The losses of the whole model are part of the hash. They differ if the model has a mask or other numbers of experts
 * per token, or if its weights have been replaced.
 */
export class AblationJournal {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly losses: Map<string, number[]>,
  ) {}

  /**
   * Opens or creates a journal; `whole` has the losses of the parts in the whole model. Rejects with a UserError if it
   * is another model's or of other texts.
   */
  static async open(path: string, model: Model, parts: Parts, whole: readonly number[]): Promise<AblationJournal> {
    const head = `${FORMAT} ${keyOf(model, parts, whole)}`
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return ''
      throw new UserError(`${path}: cannot be read (${codeOf(error)})`)
    })
    const written = text.slice(0, text.lastIndexOf('\n') + 1)
    const [first, ...lines] = written.split('\n')
    if (first !== '' && first !== head) {
      throw new UserError(
        `${path}: measures of another model or of other texts, or with other experts; remove the file to measure again`,
      )
    }
    const losses = new Map(lines.filter(Boolean).map((line) => entryOf(line, path, parts.length)))
    const file = await open(path, 'a').catch((error: unknown) => {
      throw cannotWrite(path, error)
    })
    const journal = new AblationJournal(path, file, losses)
    if (written.length < text.length) await file.truncate(Buffer.byteLength(written))
    if (written === '') await journal.write([head])
    return journal
  }

  /** Losses of all parts under a condition, if they have been measured. */
  lossesOf(name: string): readonly number[] | undefined {
    return this.losses.get(name)
  }

  async add(name: string, losses: number[]): Promise<void> {
    this.losses.set(name, losses)
    await this.write([JSON.stringify([name, losses])])
  }

  close(): Promise<void> {
    return this.file.close()
  }

  private async write(lines: readonly string[]): Promise<void> {
    await this.file.appendFile(lines.map((line) => `${line}\n`).join('')).catch((error: unknown) => {
      throw cannotWrite(this.path, error)
    })
  }
}

type Parts = readonly (readonly number[])[]

function keyOf({ name, info }: Model, parts: Parts, whole: readonly number[]): string {
  const { quant, bytes, source, sourceRevision } = info
  const about = JSON.stringify({ name, quant, bytes, source, sourceRevision, parts, whole })
  return createHash('sha256').update(about).digest('hex').slice(0, 32)
}

function entryOf(line: string, path: string, parts: number): [string, number[]] {
  try {
    const [name, losses] = JSON.parse(line)
    const isWhole = Array.isArray(losses) && losses.length === parts && losses.every(Number.isFinite)
    if (typeof name === 'string' && isWhole) return [name, losses]
  } catch {
    // The error below says what to do.
  }
  throw new UserError(`${path}: a damaged line; remove the file to measure again`)
}
