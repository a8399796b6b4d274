import { UserError } from '../../../../ground/errors.js'
import type { BatchOutput, Place } from './output.js'
import type { BatchRequest, RequestId } from './request.js'

/** A result of an earlier run, without its text. */
export interface Earlier extends Place {
  id: RequestId
  /** Line number in the output. */
  line: number
  /** Hash of the answered line. Absent if the result is an error. */
  hash?: string
}

/** The results of earlier runs, and the names of the files in messages. */
export interface Resumed {
  earlier: readonly Earlier[]
  input: string
  output: string
}

/** A request, with the place of its answer, or why it is answered again. A new request has neither. */
export interface Work {
  request: BatchRequest
  place?: Place
  because?: 'failed' | 'edited'
  /** Whether every earlier result is of this request or one before it. */
  isWhole: boolean
}

/** The earlier results belong to another input, so nothing is added to them. */
export class OtherInputError extends UserError {}

/**
 * Minimum number of answers to recognise another input. A single answer may be of an edited line, and is replaced: little is
 * lost.
 */
const FEWEST_ANSWERS = 2

/**
 * Reads the results in an output, in the order of its lines. Rejects with a UserError if they are answers of another model
 * or to other options.
 */
export async function earlierResults(output: BatchOutput, now: { model: string; options: string }): Promise<Earlier[]> {
  const earlier: Earlier[] = []
  const refuse = (why: string, remedy: string) =>
    new UserError(`${output.name} ${why}\n${remedy} another file with -o, or remove this one`)
  for await (const { model, request, ...result } of output.written()) {
    const [hash, options] = request?.split('-') ?? []
    if (model !== undefined && model !== now.model) {
      throw refuse(`has answers of ${model}, and the model now is ${now.model}`, 'give')
    }
    if (model !== undefined && options !== now.options) {
      const why = `line ${result.line} answers other options of the command line, or another packing of the model`
      throw refuse(`cannot be added to: ${why}`, 'give the same options again,')
    }
    earlier.push({ ...result, ...(hash !== undefined && { hash }) })
  }
  return earlier
}

/**
 * Yields the requests beside their earlier results. Rejects with an OtherInputError if the results belong to another input.
 * Holds requests back until one of the answers is recognised, so that no line of another input is answered.
 */
export async function* besideResults(
  requests: AsyncIterable<BatchRequest>,
  { earlier, input, output }: Resumed,
): AsyncGenerator<Work> {
  const refuse = (why: string) =>
    new OtherInputError(`${output} was not made from ${input}: ${why}\ngive another file with -o, or remove this one`)
  const results = new Results(earlier)
  // The answer may be on another line: inserting a line moves all those after it.
  const hashes = new Set<string | undefined>(earlier.flatMap(({ hash }) => hash ?? []))
  const answers = earlier.filter(({ hash }) => hash !== undefined).length
  let isKnown = answers < FEWEST_ANSWERS
  const read: Pick<BatchRequest, 'id' | 'line'>[] = []
  const otherInput = () => {
    const [other] = results.ofNoRequest.values()
    if (!other) return isKnown ? undefined : refuse(`none of its ${answers} answers belongs to a line of it`)
    const there = read[other.line - 1]
    if (!there) return refuse(`it has more lines than the ${read.length} of the input`)
    const ids = [JSON.stringify(other.id), JSON.stringify(there.id)]
    return refuse(`its line ${other.line} has the id ${ids[0]}, line ${there.line} of the input ${ids[1]}`)
  }
  let held: Work[] = []
  for await (const request of requests) {
    const here = earlier[read.length]
    if (!here && !isKnown) throw otherInput()
    isKnown ||= hashes.has(request.hash)
    held.push({ request, ...results.take(request, here), isWhole: isKnown && results.ofNoRequest.size === 0 })
    read.push({ id: request.id, line: request.line })
    if (!isKnown) continue
    yield* held
    held = []
  }
  const refusal = otherInput()
  if (refusal) throw refusal
  yield* held
}

/**
 * Earlier results by id. There are several of an id if a killed run has repeated the line, or if lines of the input have the
 * same id: each request takes the answer to its line, else the first result of its id.
 */
class Results {
  private readonly byId = new Map<RequestId, Earlier[]>()
  /** The first results of ids for which no request has come yet. */
  readonly ofNoRequest = new Map<RequestId, Earlier>()

  constructor(earlier: readonly Earlier[]) {
    for (const result of earlier) {
      const sameId = this.byId.get(result.id)
      if (sameId) sameId.push(result)
      else this.byId.set(result.id, [result])
      if (!sameId) this.ofNoRequest.set(result.id, result)
    }
  }

  /** Takes the result of a request. `here` is the one in its place in the output. */
  take(request: BatchRequest, here: Earlier | undefined): Pick<Work, 'place' | 'because'> {
    const { id, line, hash } = request
    this.ofNoRequest.delete(id)
    // A line that cannot be read has only its number as id: now, or when it was answered.
    if (hash === undefined && id === line && here) {
      this.ofNoRequest.delete(here.id)
      return { because: reasonToRepeat(here) }
    }
    const [unread] = this.byId.get(line) ?? []
    const wasUnread = unread && unread.hash === undefined
    if (wasUnread) this.ofNoRequest.delete(line)
    const sameId = this.byId.get(id) ?? []
    const at = sameId.findIndex((result) => hash !== undefined && result.hash === hash)
    if (at >= 0) {
      const [{ start, end }] = sameId.splice(at, 1)
      return { place: { start, end } }
    }
    const replaced = sameId.shift() ?? (wasUnread ? unread : undefined)
    return replaced ? { because: reasonToRepeat(replaced) } : {}
  }
}

function reasonToRepeat({ hash }: Earlier): 'failed' | 'edited' {
  return hash === undefined ? 'failed' : 'edited'
}
