import { UserError } from '../../../../ground/errors.js'
import type { Earlier } from './earlier-results.js'
import type { Replaced } from './replacements.js'
import type { BatchRequest } from './request.js'

/** A request to answer, and the earlier result to replace. */
export interface Work {
  request: BatchRequest
  replaces?: Replaced & { because: 'failed' | 'edited' }
}

/** The results of an earlier run, and the names of the files in messages. */
export interface Resumed {
  earlier: readonly Earlier[]
  input: string
  output: string
}

/** The earlier results belong to another input, so this one must not replace them. */
export class OtherInputError extends UserError {}

/**
 * Minimum number of answers to recognise another input. A single answer may be of an edited line, and is replaced: little is
 * lost.
 */
const FEWEST_ANSWERS = 2

/**
 * Yields the requests without a result, and those whose result is an error or answers the line before it was edited.
 * Rejects with an OtherInputError if the results belong to another input. Holds requests back until one of the answers is
 * recognised, so that they do not replace results of another input one by one.
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

/** Rejects with an OtherInputError if the earlier results belong to other requests. Reads as many requests as results. */
export async function checkInput(requests: AsyncIterable<BatchRequest>, resumed: Resumed): Promise<void> {
  for await (const { result } of besideResults(requests, resumed)) if (!result) return
}

/** Yields each request with its earlier result. `isKnown`: some answer belongs to this request or an earlier one. */
async function* besideResults(
  requests: AsyncIterable<BatchRequest>,
  { earlier, input, output }: Resumed,
): AsyncGenerator<{ request: BatchRequest; result?: Earlier; isKnown: boolean }> {
  const refuse = (why: string) =>
    new OtherInputError(`${output} was not made from ${input}: ${why}\ngive another file with -o, or remove this one`)
  const answers = earlier.flatMap(({ hash }) => hash ?? [])
  // The answer may be on another line: inserting a line moves all those after it.
  const hashes = new Set<string | undefined>(answers)
  const otherInput = () => refuse(`none of its ${answers.length} answers belongs to a line of it`)
  let isKnown = answers.length < FEWEST_ANSWERS
  let lines = 0
  for await (const request of requests) {
    const result = earlier[lines]
    if (result && !mayBeOf(result, request)) {
      const [here, there] = [JSON.stringify(result.id), JSON.stringify(request.id)]
      throw refuse(`its line ${result.line} has the id ${here}, line ${request.line} of the input ${there}`)
    }
    if (result) isKnown ||= hashes.has(request.hash)
    else if (!isKnown) throw otherInput()
    yield { request, result, isKnown }
    lines++
  }
  if (lines < earlier.length) throw refuse(`it has more lines than the ${lines} of the input`)
  if (!isKnown) throw otherInput()
}

/** Whether a result can belong to a request. An unreadable line, now or earlier, has only its number as id. */
function mayBeOf({ id, isError }: Earlier, request: BatchRequest): boolean {
  const wasUnread = isError && id === request.line
  const isUnread = request.hash === undefined && request.id === request.line
  return id === request.id || wasUnread || isUnread
}

function reasonToRepeat({ hash }: BatchRequest, earlier: Earlier): 'failed' | 'edited' | undefined {
  if (earlier.isError) return 'failed'
  return earlier.hash === hash ? undefined : 'edited'
}
