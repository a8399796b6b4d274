import { type ChangedExpert, specOf } from '../experts/places.js'
import type { Api, Asked, Call, Sending } from '../requests/api.js'
import { addCall, plainAnswer } from './calls.js'
import type { Compared } from './kept-form.js'

/** A request as it was sent, and its answer if it was complete. */
interface Answered {
  request: Asked
  text: string
  isComplete: boolean
}

/**
 * Answers a question again before and after a change of an expert, while `mask` holds. Both answers are greedy, so the
 * change alone makes the difference. Asks only for unknown ones. Calls `show` as they come. Rejects if the server
 * refuses or the signal stops it.
 */
export async function answerWithout(
  place: ChangedExpert,
  { request, text, isComplete }: Answered,
  { api, mask, sending, show }: { api: Api; mask: readonly string[]; sending: Sending; show: (so: Compared) => void },
): Promise<Compared> {
  const expert = specOf(place)
  const greedy = { ...request, temperature: 0, seed: undefined }
  const isSame = isComplete && request.temperature === 0 && String(request.mask ?? []) === String(mask)
  const compared = { expert, before: isSame ? text : '', after: '', hasOthers: mask.length > 0 }
  const answer = async (own: readonly string[], part: 'before' | 'after') => {
    const calls: Call[] = []
    let content = ''
    for await (const chunk of api.answer({ ...greedy, mask: own }, sending)) {
      content += chunk.text
      for (const call of chunk.calls) addCall(calls, call)
      compared[part] = plainAnswer(content, calls, request.response_format !== undefined)
      show({ ...compared })
    }
  }
  await Promise.all([isSame || answer(mask, 'before'), answer([...mask, expert], 'after')])
  return compared
}
