import { UserError } from '../../../../errors.js'
import type { Earlier } from './earlier-results.js'
import type { Replaced } from './replacements.js'
import type { BatchRequest } from './request.js'

/** A request to answer, and the earlier result that its own replaces. */
export interface Work {
  request: BatchRequest
  replaces?: Replaced & { because: 'failed' | 'edited' }
}

/** The results of an earlier run, and what messages call the files. */
export interface Resumed {
  earlier: readonly Earlier[]
  input: string
  output: string
}

/** The earlier results are of another input. Nothing of this one may take their places. */
export class OtherInputError extends UserError {}

/** A single answer does not tell an edited line from another input. It is little to lose, so that it is replaced. */
const FEWEST_ANSWERS = 2

/**
 * The requests that have no result yet, or one that is an error or answers what the line was before it was edited.
 * Rejects with an OtherInputError if the results are not of this input. Holds the requests back until the first is known
 * from before, so that one by one they cannot take the places of another input's.
 */
export async function* outstanding(requests: AsyncIterable<BatchRequest>, resumed: Resumed): AsyncGenerator<Work> {
  const held: Work[] = []
  for await (const { request, result, isKnown } of besideResults(requests, resumed)) {
    const because = result && reasonToRepeat(request, result)
    if (!result) held.push({ request })
    else if (because) held.push({ request, replaces: { line: result.line, id: result.id, because } })
    if (isKnown) yield* held.splice(0)
  }
  yield* held
}

/** Rejects with an OtherInputError if the earlier results are not of these requests. Reads no more than their number. */
export async function checkInput(requests: AsyncIterable<BatchRequest>, resumed: Resumed): Promise<void> {
  for await (const { result } of besideResults(requests, resumed)) if (!result) return
}

/** Each request with its earlier result; `isKnown` says that some answer is to one of the requests up to this one. */
async function* besideResults(
  requests: AsyncIterable<BatchRequest>,
  { earlier, input, output }: Resumed,
): AsyncGenerator<{ request: BatchRequest; result?: Earlier; isKnown: boolean }> {
  const refuse = (why: string) =>
    new OtherInputError(`${output} was not made from ${input}: ${why}\ngive another file with -o, or remove this one`)
  const answers = earlier.flatMap(({ hash }) => hash ?? [])
  // Also of another line: of all lines that one was put in front of, none is in its old place.
  const hashes = new Set<string | undefined>(answers)
  const strange = () => refuse(`none of its ${answers.length} answers is to a line of it`)
  let isKnown = answers.length < FEWEST_ANSWERS
  let lines = 0
  for await (const request of requests) {
    const result = earlier[lines]
    if (result && !mayBeOf(result, request)) {
      const [here, there] = [JSON.stringify(result.id), JSON.stringify(request.id)]
      throw refuse(`its line ${result.line} has the id ${here}, line ${request.line} of the input ${there}`)
    }
    if (result) isKnown ||= hashes.has(request.hash)
    else if (!isKnown) throw strange()
    yield { request, result, isKnown }
    lines++
  }
  if (lines < earlier.length) throw refuse(`it has more lines than the ${lines} of the input`)
  if (!isKnown) throw strange()
}

/** Whether a result can be of a request. Of a line that could not be read, now or then, only the number was known. */
function mayBeOf({ id, isError }: Earlier, request: BatchRequest): boolean {
  const wasUnread = isError && id === request.line
  const isUnread = request.hash === undefined && request.id === request.line
  return id === request.id || wasUnread || isUnread
}

/** A result of an earlier version says nothing of its request, and stays. */
function reasonToRepeat({ hash }: BatchRequest, earlier: Earlier): 'failed' | 'edited' | undefined {
  if (earlier.isError) return 'failed'
  return earlier.hash !== undefined && earlier.hash !== hash ? 'edited' : undefined
}
