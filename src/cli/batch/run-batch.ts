import { basename } from 'node:path'
import { UsageError, UserError } from '../../errors.js'
import { checkLanguageModel } from '../../evaluation/language-model.js'
import type { Model } from '../../generation/types.js'
import { optionsIn } from '../../generation-options.js'
import { plural } from '../../numbers.js'
import { systemDropped } from '../../text/chat-frame.js'
import { asksForConversation, readConversation } from '../conversation-options.js'
import { interruptSignal } from '../interrupt.js'
import { note } from '../output.js'
import type { RunOptions } from '../run.js'
import { withModel } from '../with-model.js'
import { answer, type BatchResult } from './answer.js'
import { inOrder } from './in-order.js'
import { type BatchInput, openInput } from './input.js'
import { type BatchOutput, openOutput } from './output.js'
import { DEFAULT_PARALLEL } from './parallel.js'
import { createBatchProgress } from './progress.js'
import { type BatchRequest, requestsOf } from './request.js'

/** Results that may wait for an earlier one, for each prompt that runs. */
const WAITING = 16

type BatchOptions = RunOptions & { batch: string }

/** Answers every line of the input that has no answer in the output yet. */
export async function runBatch(given: readonly string[], options: BatchOptions): Promise<void> {
  checkBatchOptions(given, options)
  const signal = interruptSignal()
  const { system, prefill, args } = await readConversation(options)
  const { raw = false, experts = false } = options
  const isConversation = asksForConversation(options)
  const defaults = { system, prefill, args, raw, experts, isConversation, settings: optionsIn(options) }
  const input = await openInput(options.batch, signal)
  let output: BatchOutput | undefined
  try {
    if (options.output !== undefined && (await input.isFile(options.output))) {
      throw new UsageError('--batch and -o name the same file, which would be written over')
    }
    const into = await openOutput(options.output)
    output = into
    const requests = requestsOf(input.lines, defaults)
    const before = await skipWritten(requests, input, into)
    const first = await requests.next()
    if (first.done) return tellEnd(before, before, into, options)
    const rest = startingWith(first.value, requests)
    const end = await withModel(options, ({ model }) =>
      answerAll(rest, before, { model, input, output: into }, options),
    )
    tellEnd(end, before, into, options)
  } finally {
    input.close()
    await output?.close()
  }
}

function checkBatchOptions(given: readonly string[], options: RunOptions): void {
  const { prompt, jsonl, trace, messages, file } = options
  const refuse = (what: string) => new UsageError(`--batch takes its prompts from a file; ${what}`)
  if (given.length > 0 || prompt !== undefined) throw refuse('it takes none on the command line')
  if (messages !== undefined) throw refuse('give messages in its lines, as "messages"')
  if (file !== undefined) throw refuse('it takes no --file beside it')
  if (jsonl) throw refuse('its results are an object a line, without --jsonl')
  if (trace !== undefined) throw refuse('in place of --trace, --experts puts the experts into its results')
}

/** Lines that have a result, and how many of those are errors. */
interface Count {
  lines: number
  failed: number
  /** Of the answers, as far as they say. */
  model?: string
}

/**
 * Passes over the requests that an earlier run has written. Rejects with a UserError where the output is not of this
 * input.
 */
async function skipWritten(
  requests: AsyncGenerator<BatchRequest>,
  input: BatchInput,
  output: BatchOutput,
): Promise<Count> {
  const count: Count = { lines: 0, failed: 0 }
  const refuse = (why: string) =>
    new UserError(
      `${output.name} was not made from ${input.name}: ${why}\ngive another file with -o, or remove this one`,
    )
  for await (const { id, line, model } of output.written()) {
    const { done, value: request } = await requests.next()
    if (done) throw refuse(`it has more lines than the ${count.lines} of the input`)
    if (request.id !== id) {
      const [here, there] = [JSON.stringify(id), JSON.stringify(request.id)]
      throw refuse(`its line ${line} has the id ${here}, line ${request.line} of the input ${there}`)
    }
    if (model !== undefined && count.model !== undefined && model !== count.model) {
      throw refuse(`line ${line} is an answer of ${model}, others of ${count.model}`)
    }
    count.lines++
    if (model === undefined) count.failed++
    count.model ??= model
  }
  return count
}

/** Answers the requests and writes the results, several at once; resolves with the count of all lines of the output. */
async function answerAll(
  requests: AsyncIterable<BatchRequest>,
  before: Count,
  { model, input, output }: { model: Model; input: BatchInput; output: BatchOutput },
  options: BatchOptions,
): Promise<Count> {
  checkLanguageModel(model)
  if (before.model !== undefined && before.model !== model.name) {
    throw new UserError(
      `${output.name} has answers of ${before.model}, and the model now is ${model.name}\n` +
        'give another file with -o, or remove this one',
    )
  }
  const count = { ...before }
  if (before.lines > 0 && !options.quiet) note(`going on in ${output.name} after ${plural(before.lines, 'line')}`)
  // Throws if the model has none: no line could be answered then.
  const { tokenizer } = model
  const parallel = options.parallel ?? DEFAULT_PARALLEL
  const progress = createBatchProgress(basename(input.name), input.bytes, before.lines, options)
  let saysDropped = !options.quiet
  const onSystemDropped = () => {
    if (!saysDropped) return
    saysDropped = false
    progress.clear()
    note(`warning: ${systemDropped(model.name)}`)
  }
  const answering = { model, tokenizer, signal: interruptSignal(), onSystemDropped }
  const work = async (request: BatchRequest) => ({ result: await answer(request, answering), end: request.end })
  const write = async ({ result, end }: { result: BatchResult; end: number }) => {
    await output.write(result)
    count.lines++
    if ('error' in result) count.failed++
    progress.show(count.lines, end)
  }
  try {
    await inOrder(requests, work, write, { parallel, waiting: WAITING * parallel })
  } finally {
    progress.clear()
  }
  return count
}

/** The exit code is that of a failure where any line has no answer, also of an earlier run. */
function tellEnd(end: Count, before: Count, output: BatchOutput, { quiet }: BatchOptions): void {
  const isNew = end.lines > before.lines
  if (!isNew && !quiet) note(`nothing to do: ${output.name} has a result for ${all(end.lines)}`)
  if (end.failed === 0) return
  throw new UserError(
    `${end.failed} of ${plural(end.lines, 'line')} could not be answered; each has an "error" in ${output.name} that says why`,
  )
}

function all(lines: number): string {
  return lines === 0 ? 'all lines, of which there are none' : lines === 1 ? 'the one line' : `all ${lines} lines`
}

async function* startingWith<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first
  yield* rest
}
