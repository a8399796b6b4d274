import { createHash } from 'node:crypto'
import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { Journal } from '../../ground/files/journal.js'
import { type Form, isNumber, isText, listOf } from '../../ground/json/forms.js'

const FORMAT = 'molm-ablation 1'

/**
 * Losses that an ablation has measured so far, in a journal: a hash of the model and the parts, then a line for each
 * condition.
 *
 * The losses of the whole model are part of the hash. They differ if the model has a mask or other numbers of experts
 * per token, or if its weights have been replaced.
 */
export class AblationJournal {
  private constructor(
    private readonly journal: Journal,
    private readonly losses: Map<string, number[]>,
  ) {}

  /**
   * Opens or creates a journal; `whole` has the losses of the parts in the whole model. Rejects with a UserError if it
   * is another model's or of other texts.
   */
  static async open(path: string, model: Model, parts: TextParts, whole: readonly number[]): Promise<AblationJournal> {
    const key = `${FORMAT} ${keyOf(model, parts, whole)}`
    const lines = await Journal.read(path)
    if (lines.length > 0 && lines[0] !== key) {
      throw new UserError(
        `${path}: measures of another model or of other texts, or with other experts; remove the file to measure again`,
      )
    }
    const entries = lines.slice(1)
    if (!entries.every(isEntryOf(parts.length))) {
      throw new UserError(`${path}: a damaged line; remove the file to measure again`)
    }
    return new AblationJournal(await Journal.create(path, [key, ...entries]), new Map(entries))
  }

  lossesOf(name: string): readonly number[] | undefined {
    return this.losses.get(name)
  }

  async add(name: string, losses: number[]): Promise<void> {
    this.losses.set(name, losses)
    await this.journal.append([name, losses])
  }

  close(): Promise<void> {
    return this.journal.close()
  }
}

type TextParts = readonly (readonly number[])[]

function keyOf({ name, info }: Model, parts: TextParts, whole: readonly number[]): string {
  const { quant, bytes, source, sourceRevision } = info
  const about = JSON.stringify({ name, quant, bytes, source, sourceRevision, parts, whole })
  return createHash('sha256').update(about).digest('hex').slice(0, 32)
}

/** The name of a condition, and its losses of each part. */
function isEntryOf(parts: number): Form<[string, number[]]> {
  const areLosses = listOf(isNumber, { least: parts, most: parts })
  return (value): value is [string, number[]] =>
    Array.isArray(value) && value.length === 2 && isText(value[0]) && areLosses(value[1])
}
