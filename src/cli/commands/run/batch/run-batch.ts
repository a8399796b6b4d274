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
import type { RunOptions } from '../run-options.js'
import { printModel } from '../summary.js'
import { answer } from './answer.js'
import { hashOf } from './hash.js'
import { type BatchInput, openInput } from './input.js'
import { modelEffects, settingEffects } from './model-effects.js'
import { BatchOutput, type Place } from './output.js'
import { besideResults, earlierResults, OtherInputError, type Work } from './outstanding.js'
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
    output = await BatchOutput.open(options.output)
    reportEnd(await answerOutstanding(input, output, defaults, options), output, options)
  } catch (error) {
    // A pipe, or a file that changes meanwhile, may turn out to be another input after lines are answered.
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

/** Compares the output with the input, and answers the outstanding lines. */
async function answerOutstanding(
  input: BatchInput,
  output: BatchOutput,
  defaults: Defaults,
  options: BatchOptions,
): Promise<Outcome> {
  const { found, effects } = await modelEffects(options)
  const { name } = found
  const { shard } = options
  const hash = hashOf({ ...effects, ...defaults, settings: await settingEffects(defaults.settings, found), shard })
  const earlier = await earlierResults(output, { model: name, options: hash })
  const resumed = { earlier, input: input.name, output: output.name }
  if (earlier.length > 0 && input.again) {
    // Reads a file twice, to refuse another input before the model is loaded.
    for await (const { isWhole } of besideResults(requestsOf(input.again(), defaults, shard), resumed)) {
      if (isWhole) break
    }
  }
  const work = besideResults(requestsOf(input.lines, defaults, shard), resumed)
  const outcome: Outcome = { places: [], failed: 0, cutOff: 0, added: 0, again: { failed: 0, edited: 0 } }
  const { places } = outcome
  let first = await work.next()
  for (; first.value?.place; first = await work.next()) places.push(first.value.place)
  if (!first.done) {
    if (places.length > 0 && first.value.because === undefined && !options.quiet) {
      note(`resuming ${output.name} after ${plural(places.length, 'line')}`)
    }
    const rest = startingWith(first.value, work)
    await withModel(options, (loaded) => {
      if (options.verbose) printModel(loaded)
      return answerAll(rest, { model: loaded.model, input, output, hash }, outcome, options)
    })
  }
  await output.putInOrder(places)
  return outcome
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

/** The work of a run. */
interface Outcome {
  /** Places of the results in the output, in the order of the lines. */
  places: Place[]
  failed: number
  /** Lines whose answer ends within the form that it must have. */
  cutOff: number
  added: number
  /** Lines answered again, by reason. */
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

/** Answers several requests at once and writes the results. */
async function answerAll(
  work: AsyncIterable<Work>,
  { model, input, output, hash }: Batch,
  outcome: Outcome,
  options: BatchOptions,
): Promise<void> {
  checkLanguageModel(model)
  // Throws if the model has none, before the first line.
  const { tokenizer } = model
  const { parallel } = options
  const [name, line, throughput] = [basename(input.name), createStatusLine(options), new Throughput()]
  line.show(describeBatch(name, outcome.places.length, undefined, undefined))
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
    if (!isComplete) outcome.cutOff++
  }
  const signal = interruptSignal()
  const prefixCache = new PrefixCache(model, KEPT)
  const retryAlone = new RetryAlone()
  const answering = { model, options: hash, tokenizer, signal, prefixCache, retryAlone, onNote, onAnswer }
  const answered = async (one: Work) => ({ ...one, result: one.place ?? (await answer(one.request, answering)) })
  try {
    for await (const { request, because, result } of inOrder(work, answered, {
      parallel,
      waiting: WAITING * parallel,
    })) {
      if (!('id' in result)) {
        outcome.places.push(result)
        continue
      }
      outcome.places.push(await output.write(result))
      if (because) outcome.again[because]++
      else outcome.added++
      if ('error' in result) outcome.failed++
      throughput.add(request.end)
      const place = input.bytes === undefined ? undefined : { end: request.end, bytes: input.bytes }
      line.refresh(() => describeBatch(name, outcome.places.length, place, throughput.perSecond))
    }
  } finally {
    prefixCache.drop()
    line.clear()
  }
  if (options.verbose) {
    note(`prompts: ${plural(tokens.all, 'token')}, ${tokens.shared} of them shared with other lines`)
  }
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

/** Prints what was done. Throws a UserError if a line has no answer. */
function reportEnd(outcome: Outcome, output: BatchOutput, { quiet }: BatchOptions): void {
  const { places, failed, cutOff, added, again } = outcome
  const lines = places.length
  if (!quiet) {
    if (again.failed + again.edited > 0) note(describeAgain(again))
    else if (added === 0) note(`nothing to do: ${lines === 0 ? 'there are no lines' : doneBefore(lines, output)}`)
  }
  if (failed > 0)
    throw new UserError(`${failed} of ${plural(lines, 'line')} could not be answered; see "error" in ${output.name}`)
  if (cutOff === 0) return
  throw new UserError(`${plural(cutOff, 'answer')} of this run ended within the form asked for; see "finish_reason"`)
}

/** `3 lines answered again: 2 had failed, 1 was edited`. */
export function describeAgain({ failed, edited }: Outcome['again']): string {
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
