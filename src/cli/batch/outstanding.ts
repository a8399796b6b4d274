import { UserError } from '../../errors.js'
import type { BatchInput } from './input.js'
import type { BatchOutput, Written } from './output.js'
import type { Replaced } from './replacements.js'
import type { BatchRequest } from './request.js'

/** A request to answer, and the earlier result that its own replaces. */
export interface Work {
  request: BatchRequest
  replaces?: Replaced & { because: 'failed' | 'edited' }
}

/**
 * Counts the lines that an earlier run has written, and those of them that hold an error. Rejects with a UserError if
 * they are answers of another model, or to other options.
 */
export async function surveyOutput(
  output: BatchOutput,
  asked: { model: string; options: string },
): Promise<{ lines: number; failed: number }> {
  const count = { lines: 0, failed: 0 }
  const refuse = (why: string, remedy: string) =>
    new UserError(`${output.name} ${why}\n${remedy} another file with -o, or remove this one`)
  for await (const { line, model, request } of output.written()) {
    count.lines++
    if (model === undefined) count.failed++
    else if (model !== asked.model) {
      throw refuse(`has answers of ${model}, and the model now is ${asked.model}`, 'give')
    } else if (request !== undefined && request.split('-')[1] !== asked.options) {
      const why = `line ${line} answers other options of the command line, or another packing of the model`
      throw refuse(`cannot be added to: ${why}`, 'give the same options again,')
    }
  }
  return count
}

/**
 * The requests that have no result in the output, or one that is an error or answers what the line was before it was
 * edited. Rejects with a UserError if the output is not of this input.
 */
export async function* outstanding(
  requests: AsyncGenerator<BatchRequest>,
  input: BatchInput,
  output: BatchOutput,
): AsyncGenerator<Work> {
  const refuse = (why: string) =>
    new UserError(
      `${output.name} was not made from ${input.name}: ${why}\ngive another file with -o, or remove this one`,
    )
  let lines = 0
  for await (const written of output.written()) {
    const { id, line, model, request: hashes } = written
    const { done, value: request } = await requests.next()
    if (done) throw refuse(`it has more lines than the ${lines} of the input`)
    lines++
    if (!mayBeOf(written, request)) {
      const [here, there] = [JSON.stringify(id), JSON.stringify(request.id)]
      throw refuse(`its line ${line} has the id ${here}, line ${request.line} of the input ${there}`)
    }
    const isEdited = hashes !== undefined && hashes.split('-')[0] !== request.hash
    if (model === undefined) yield { request, replaces: { line, id, because: 'failed' } }
    else if (isEdited) yield { request, replaces: { line, id, because: 'edited' } }
  }
  for await (const request of requests) yield { request }
}

/** Whether a result can be of a request. Of a line that could not be read, now or then, only the number was known. */
function mayBeOf({ id, model }: Written, request: BatchRequest): boolean {
  const wasUnread = model === undefined && id === request.line
  const isUnread = request.hash === undefined && request.id === request.line
  return id === request.id || wasUnread || isUnread
}
