import { basename } from 'node:path'
import { optionsIn } from '../../../../api/generation-options.js'
import type { Model } from '../../../../api/model.js'
import { PrefixCache } from '../../../../engine/session/shared/prefix-cache.js'
import type { Answered } from '../../../../engine/session/turn.js'
import { UsageError, UserError } from '../../../../ground/errors.js'
import { inOrder } from '../../../../ground/in-order.js'
import { formatDuration, plural } from '../../../../ground/numbers.js'
import { checkLanguageModel } from '../../../../insight/texts/check-language-model.js'
import { interruptSignal } from '../../../io/interrupt.js'
import { note } from '../../../io/output.js'
import { createStatusLine } from '../../../io/status-line.js'
import { Throughput } from '../../../io/throughput.js'
import { readAskOptions } from '../../../parsing/ask-options.js'
import { asksForConversation, readConversation } from '../../../parsing/conversation-options.js'
import { withModel } from '../../../setup/with-model.js'
import { printModel } from '../printed-summary.js'
import type { RunOptions } from '../run-options.js'
import { answer } from './answer.js'
import { earlierResults } from './earlier-results.js'
import { hashOf } from './hash.js'
import { type BatchInput, openInput } from './input.js'
import { modelEffects, settingEffects } from './model-effects.js'
import { type BatchOutput, openOutput } from './output.js'
import { checkInput, OtherInputError, outstanding, type Work } from './outstanding.js'
import { type Defaults, requestsOf } from './request.js'
import { RetryAlone } from './retry-alone.js'

/** Results that may wait for an earlier one, per running prompt. */
const WAITING = 16

/** Sessions at rest, for lines that begin as the latest one did. */
const KEPT = { keptSequences: 1, keptTokens: Infinity }

type BatchOptions = RunOptions & { batch: string; parallel: number }

/** Answers each line of the input that has no answer in the output, or an outdated one. */
export async function runBatch(given: readonly string[], options: BatchOptions): Promise<void> {
  checkBatchOptions(given, options)
  const defaults = await defaultsOf(options)
  const input = await openInput(options.batch, interruptSignal())
  let output: BatchOutput | undefined
  try {
    if (options.output !== undefined && (await input.isFile(options.output))) {
      throw new UsageError('--batch and -o name the same file, which would be overwritten')
    }
    output = await openOutput(options.output)
    reportEnd(await answerOutstanding(input, output, defaults, options), output, options)
  } catch (error) {
    // A pipe, or a file that changed meanwhile, may turn out to be another input after lines were answered.
    if (error instanceof OtherInputError) await output?.forget()
    throw error
  } finally {
    input.close()
    await output?.close()
  }
}

async function defaultsOf(options: BatchOptions): Promise<Defaults> {
  const { system, prefill, args } = await readConversation(options)
  const { raw = false, experts = false, stats } = options
  const isConversation = asksForConversation(options)
  const asked = await readAskOptions(options)
  return { ...asked, system, prefill, args, raw, experts, stats, isConversation, settings: optionsIn(options) }
}

/** Compares the output with the input, and answers the outstanding lines. Resolves with the counts of the whole output. */
async function answerOutstanding(
  input: BatchInput,
  output: BatchOutput,
  defaults: Defaults,
  options: BatchOptions,
): Promise<Count> {
  const { found, effects } = await modelEffects(options)
  const { name } = found
  const { shard } = options
  const hash = hashOf({ ...effects, ...defaults, settings: await settingEffects(defaults.settings, found), shard })
  const earlier = await earlierResults(output, { model: name, options: hash })
  const resumed = { earlier, input: input.name, output: output.name }
  // Reads a file twice, to refuse another input before the model is loaded.
  if (earlier.length > 0 && input.again) await checkInput(requestsOf(input.again(), defaults, shard), resumed)
  const failed = earlier.filter(({ isError }) => isError).length
  const before = { lines: earlier.length, failed, cutOff: 0, added: 0, again: { failed: 0, edited: 0 } }
  const work = outstanding(requestsOf(input.lines, defaults, shard), resumed)
  const first = await work.next()
  if (first.done) return before
  if (before.lines > 0 && first.value.replaces === undefined && !options.quiet) {
    note(`resuming ${output.name} after ${plural(before.lines, 'line')}`)
  }
  return withModel(options, (loaded) => {
    if (options.verbose) printModel(loaded)
    return answerAll(startingWith(first.value, work), before, { model: loaded.model, input, output, hash }, options)
  })
}

function checkBatchOptions(given: readonly string[], options: RunOptions): void {
  const { prompt, jsonl, trace, messages, file } = options
  const refuse = (what: string) => new UsageError(`--batch takes its prompts from a file; ${what}`)
  if (given.length > 0 || prompt !== undefined) throw refuse('it takes none on the command line')
  if (messages !== undefined) throw refuse('give messages in its lines, as "messages"')
  if (file !== undefined) throw refuse('it takes no --file')
  if (jsonl) throw refuse('it prints JSON lines without --jsonl')
  if (trace !== undefined) throw refuse('use --experts instead of --trace to get the experts')
}

/** Counts of lines in the output. */
interface Count {
  lines: number
  failed: number
  /** Lines of this run whose answer ends within the form that it must have. */
  cutOff: number
  added: number
  /** Lines answered again by this run, by reason. */
  again: { failed: number; edited: number }
}

/** The model, the input and the output of a run. */
interface Batch {
  model: Model
  input: BatchInput
  output: BatchOutput
  /** Hash of the effects of the command line's options. */
  hash: string
}

/** Answers several requests at once and writes the results. Resolves with the counts of the whole output. */
async function answerAll(
  work: AsyncIterable<Work>,
  before: Count,
  { model, input, output, hash }: Batch,
  options: BatchOptions,
): Promise<Count> {
  checkLanguageModel(model)
  const count = { ...before, again: { ...before.again } }
  // Throws if the model has none, before the first line.
  const { tokenizer } = model
  const { parallel } = options
  const [name, line, throughput] = [basename(input.name), createStatusLine(options), new Throughput()]
  line.show(describeBatch(name, before.lines, undefined, undefined))
  const notes = new Set<string>()
  const onNote = (text: string) => {
    if (options.quiet || notes.has(text)) return
    notes.add(text)
    line.clear()
    note(text)
  }
  const tokens = { all: 0, shared: 0 }
  const onAnswer = ({ promptTokens, cachedTokens }: Answered, isComplete: boolean) => {
    tokens.all += promptTokens
    tokens.shared += cachedTokens
    if (!isComplete) count.cutOff++
  }
  const signal = interruptSignal()
  const prefixCache = new PrefixCache(model, KEPT)
  const retryAlone = new RetryAlone()
  const answering = { model, options: hash, tokenizer, signal, prefixCache, retryAlone, onNote, onAnswer }
  const answered = async ({ request, replaces }: Work) => {
    return { result: await answer(request, answering), replaces, end: request.end }
  }
  const write = async ({ result, replaces, end }: Awaited<ReturnType<typeof answered>>) => {
    if (replaces) {
      await output.replace(replaces, result)
      count.again[replaces.because]++
      if (replaces.because === 'failed') count.failed--
    } else {
      await output.write(result)
      count.lines++
      count.added++
    }
    if ('error' in result) count.failed++
    throughput.add(end)
    const place = input.bytes === undefined ? undefined : { end, bytes: input.bytes }
    line.refresh(() => describeBatch(name, count.lines, place, throughput.perSecond))
  }
  try {
    for await (const one of inOrder(work, answered, { parallel, waiting: WAITING * parallel })) await write(one)
  } finally {
    prefixCache.drop()
    line.clear()
  }
  if (options.verbose) {
    note(`prompts: ${plural(tokens.all, 'token')}, ${tokens.shared} of them shared with other lines`)
  }
  return count
}

/**
 * The status line: `in.jsonl: 120 lines, 34 %, 45 s left`. Share and time come from the bytes of the input, since its lines
 * are not counted in advance; for a pipe they are not shown.
 */
export function describeBatch(
  name: string,
  lines: number,
  place: { end: number; bytes: number } | undefined,
  bytesPerSecond: number | undefined,
): string {
  const done = `${name}: ${plural(lines, 'line')}`
  if (!place || place.bytes === 0) return done
  const { end, bytes } = place
  const share = `${done}, ${Math.floor((100 * Math.min(end, bytes)) / bytes)} %`
  if (!bytesPerSecond || end >= bytes) return share
  return `${share}, ${formatDuration((bytes - end) / bytesPerSecond)} left`
}

/** Prints what was done. Throws a UserError if any line has no answer, also one of an earlier run. */
function reportEnd({ lines, failed, cutOff, added, again }: Count, output: BatchOutput, { quiet }: BatchOptions): void {
  if (!quiet) {
    if (again.failed + again.edited > 0) note(describeAgain(again))
    else if (added === 0) note(`nothing to do: ${lines === 0 ? 'there are no lines' : doneBefore(lines, output)}`)
  }
  if (failed === 0) {
    if (cutOff === 0) return
    throw new UserError(`${plural(cutOff, 'answer')} of this run ended within the form asked for; see "finish_reason"`)
  }
  throw new UserError(`${failed} of ${plural(lines, 'line')} could not be answered; see "error" in ${output.name}`)
}

/** `3 lines answered again: 2 had failed, 1 was edited`. */
export function describeAgain({ failed, edited }: Count['again']): string {
  const reasons = [
    ...(failed > 0 ? [`${failed} had failed`] : []),
    ...(edited > 0 ? [`${edited} ${edited === 1 ? 'was' : 'were'} edited`] : []),
  ]
  return `${plural(failed + edited, 'line')} answered again: ${reasons.join(', ')}`
}

function doneBefore(lines: number, { name }: BatchOutput): string {
  return `${name} has a result for ${lines === 1 ? 'the one line' : `all ${lines} lines`}`
}

async function* startingWith<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first
  yield* rest
}
