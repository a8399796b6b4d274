import { UserError } from '../../../../ground/errors.js'
import type { BatchOutput } from './output.js'
import type { Replaced } from './replacements.js'

/** A result of an earlier run, without its text. */
export interface Earlier extends Replaced {
  isError: boolean
  /** Hash of the answered line. Absent if the result is an error. */
  hash?: string
}

/**
 * Reads the results of an earlier run, in the order of their lines. Rejects with a UserError if they are answers of another
 * model or to other options.
 */
export async function earlierResults(
  output: BatchOutput,
  asked: { model: string; options: string },
): Promise<Earlier[]> {
  const earlier: Earlier[] = []
  const refuse = (why: string, remedy: string) =>
    new UserError(`${output.name} ${why}\n${remedy} another file with -o, or remove this one`)
  for await (const { id, line, model, request } of output.written()) {
    const [hash, options] = request?.split('-') ?? []
    if (model !== undefined && model !== asked.model) {
      throw refuse(`has answers of ${model}, and the model now is ${asked.model}`, 'give')
    }
    if (model !== undefined && options !== asked.options) {
      const why = `line ${line} answers other options of the command line, or another packing of the model`
      throw refuse(`cannot be added to: ${why}`, 'give the same options again,')
    }
    earlier.push({ id, line, isError: model === undefined, ...(hash !== undefined && { hash }) })
  }
  return earlier
}
