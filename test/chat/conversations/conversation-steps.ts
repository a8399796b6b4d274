import type { ConversationState } from '#molm/chat/conversations/conversation-state.js'

/** A step of a conversation that tests keep; `tag` marks its texts. */
export interface TaggedStep {
  step: number
  tag?: string
}

/** Characters of an answer, enough for a write of many pages. */
const LONG = 20_000

/**
 * State of a conversation after some steps. A turn has three: the question, its answer, and another answer in the place of
 * the first.
 */
export function stateAt({ step, tag = '' }: TaggedStep): ConversationState {
  const messages = Array.from({ length: Math.ceil(step / 3) }, (_, turn) => {
    const done = Math.min(3, step - 3 * turn)
    const question = { role: 'user', content: `${tag}question ${turn}` }
    const answer = { role: 'assistant', content: `${tag}answer ${done} of ${turn} ${'.'.repeat(LONG)}` }
    return done === 1 ? [question] : [question, answer]
  })
  return { messages: messages.flat(), system: '', model: 'nano' }
}
