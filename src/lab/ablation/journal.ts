import { createHash } from 'node:crypto'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { Journal } from '../../ground/files/journal.js'
import { type Form, isNumber, isText, listOf } from '../../ground/json/forms.js'

const FORMAT = 'molm-measures 1'

/**
 * Numbers that have been measured so far on each part of a text, in a journal: a hash of the model and the parts, then a
 * line for each condition.
 *
 * The hash covers the numbers of the whole model, which other weights or numbers of experts per token change. It covers
 * the mask, too: a masked expert that the whole model would not choose could take the place of another.
 */
export class MeasureJournal {
  private constructor(
    private readonly journal: Journal,
    private readonly measures: Map<string, number[]>,
  ) {}

  /**
   * Opens or creates a journal; `whole` has the numbers of the whole model, and all else that they depend on. Rejects
   * with a UserError if it is another model's or of other texts.
   */
  static async open(path: string, model: Model, parts: TextParts, whole: readonly unknown[]): Promise<MeasureJournal> {
    const key = `${FORMAT} ${keyOf(model, parts, whole)}`
    const lines = await Journal.read(path)
    if (lines.length > 0 && lines[0] !== key) {
      throw new UserError(
        `${path}: measures of another model, of other texts or options, or with other experts; remove the file to measure again`,
      )
    }
    const entries = lines.slice(1)
    if (!entries.every(isEntryOf(parts.length))) {
      throw new UserError(`${path}: a damaged line; remove the file to measure again`)
    }
    return new MeasureJournal(await Journal.create(path, [key, ...entries]), new Map(entries))
  }

  numbersOf(name: string): readonly number[] | undefined {
    return this.measures.get(name)
  }

  async add(name: string, numbers: number[]): Promise<void> {
    this.measures.set(name, numbers)
    await this.journal.append([name, numbers])
  }

  close(): Promise<void> {
    return this.journal.close()
  }
}

type TextParts = readonly (readonly number[])[]

function keyOf({ info, mask }: Model, parts: TextParts, whole: readonly unknown[]): string {
  const { quant, bytes, source, sourceRevision } = info
  const about = JSON.stringify({ quant, bytes, source, sourceRevision, parts, whole, mask })
  return createHash('sha256').update(about).digest('hex').slice(0, 32)
}

/** The name of a condition, and its number for each part. */
function isEntryOf(parts: number): Form<[string, number[]]> {
  const areNumbers = listOf(isNumber, { least: parts, most: parts })
  return (value): value is [string, number[]] =>
    Array.isArray(value) && value.length === 2 && isText(value[0]) && areNumbers(value[1])
}
