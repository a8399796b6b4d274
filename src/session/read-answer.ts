import type { AssistantMessage, ChatStep } from '../api/chat.js'
import type { GenerationResult, Step } from '../api/generation.js'
import { eventsOf } from '../api/generation-events.js'
import { type AnswerEvent, AnswerReader, type Reading } from '../text/answer-reader.js'

/** A generated answer, read. */
export interface ReadAnswer {
  result: GenerationResult
  message: AssistantMessage
}

/**
 * Reads a generation as an answer: yields its tokens with the parts of the message that their texts belong to. A token
 * whose text is held back waits for the next one; a token whose text belongs to two parts comes as two steps.
 */
export async function* readAnswer(
  generation: AsyncGenerator<Step, GenerationResult>,
  reading: Reading,
): AsyncGenerator<ChatStep, ReadAnswer> {
  const reader = new AnswerReader(reading)
  let last: ChatStep | undefined
  let isWaiting = false
  let text = ''
  for await (const { step, result } of eventsOf(generation)) {
    if (step) {
      if (last && isWaiting) yield last
      const steps = stepsOf({ ...step, text: '', kind: reader.place }, reader.add(step.text))
      const shown = steps.map((one) => one.text).join('')
      text += shown
      isWaiting = shown.length < step.text.length
      last = steps[steps.length - 1]
      yield* isWaiting ? steps.slice(0, -1) : steps
    } else {
      const events = reader.end(result.finishReason === 'length')
      const rest = last ? stepsOf(isWaiting ? last : { ...last, text: '' }, events) : []
      if (isWaiting || events.length > 0) yield* rest
      text += rest
        .map((one) => one.text)
        .join('')
        .slice(isWaiting && last ? last.text.length : 0)
      return { result: { ...result, text }, message: reader.message }
    }
  }
  throw new Error('a generation ended without a result')
}

/** Adds the texts of events to a step: one step for each run of texts of the same part. */
function stepsOf(step: ChatStep, events: readonly AnswerEvent[]): ChatStep[] {
  const steps = [step]
  for (const event of events) {
    if (event.kind === 'called') continue
    const last = steps[steps.length - 1]
    if (last.text === '' || last.kind === event.kind) {
      steps[steps.length - 1] = { ...last, kind: event.kind, text: last.text + event.text }
    } else steps.push({ ...step, kind: event.kind, text: event.text })
  }
  return steps
}
