import { eventsOf } from '../../../api/generation-events.js'
import type { Session } from '../../../api/session.js'
import type { TraceFile } from '../../../experts/trace.js'
import { optionsIn } from '../../../generation-options.js'
import { AnswerReader } from '../../../text/answer-reader.js'
import { interruptSignal } from '../../io/interrupt.js'
import { createReadingProgress } from '../../io/reading-progress.js'
import type { RenderedPrompt } from './render-prompt.js'
import type { RunOptions } from './run-options.js'
import type { Answered, RunWriter } from './run-writer.js'
import { createThinkingLine } from './thinking-line.js'
import { noteFullContext } from './warnings.js'

/** A prompt that is ready to run. */
export interface Input {
  rendered: RenderedPrompt
  ids: number[]
  /** The given beginning of the answer. */
  prefill: string
}

export interface Printing {
  writer: RunWriter
  trace?: TraceFile
  options: RunOptions
  /** Whether another answer follows this one. */
  continues(answered: Answered): boolean
}

/** Prints an answer as it is generated. */
export async function printAnswer(
  session: Session,
  { rendered, ids, prefill }: Input,
  { writer, trace, options, continues }: Printing,
): Promise<Answered> {
  const answer = new AnswerReader(rendered.reading)
  const reading = createReadingProgress(options)
  const thinking = createThinkingLine(options)
  let promptTraced: Promise<void> | undefined
  const cached = session.truncateToCommon(ids)
  const generation = session.generate(ids.slice(cached), {
    ...optionsIn(options),
    ...rendered.limits,
    stop: rendered.stop,
    routes: options.experts || options.stats || trace !== undefined,
    onPromptProgress: reading.show,
    ...(trace && {
      onPromptRoutes: (routes) => {
        promptTraced = trace.addPrompt(ids, routes)
        // The await reports it.
        promptTraced.catch(() => undefined)
      },
    }),
    signal: interruptSignal(),
  })
  try {
    for await (const { step, result } of eventsOf(generation)) {
      await promptTraced
      const isFirst = step ? step.index === 0 : result.tokens.length === 0
      if (isFirst) {
        // Before the first text, which clearing the line would erase.
        reading.clear()
        await writer.start(prefill)
      }
      if (step) {
        await trace?.add(step)
        const events = answer.add(step.text)
        if (answer.place === 'thinking') thinking.add()
        else thinking.clear()
        await writer.step(step, events, answer.place)
      } else {
        thinking.clear()
        const events = answer.end(result.finishReason === 'length')
        const { message, place } = answer
        const whole = { ...result, promptTokens: ids.length }
        const answered = { message, result: whole, place }
        await writer.end({ ...answered, events, readTokens: ids.length - cached, isLast: !continues(answered) })
        if (result.contextFull && !options.quiet) noteFullContext(whole)
        return answered
      }
    }
  } catch (error) {
    reading.clear()
    thinking.clear()
    throw error
  }
  throw new Error('a generation ended without a result')
}
