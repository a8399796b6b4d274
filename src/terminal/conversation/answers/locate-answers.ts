import type { Asking } from '../../../api/ask-options.js'
import type { Model } from '../../../api/model.js'
import type { ChatMessage } from '../../../api/text.js'
import { type Said, writeFittingPrompt, writePrompt } from '../../../engine/session/prompt.js'
import { commonPrefix } from '../../../ground/common-prefix.js'

/** The place of an answer among the tokens of its conversation. */
export interface AnswerPlace {
  /** Index of the question: the user's message before it. */
  question: number
  from: number
  to: number
}

/** A conversation up to the end of its last answer. */
export interface LocatedAnswers {
  ids: number[]
  answers: AnswerPlace[]
  /** Index of the first token to look at: from here on all answers are among `answers`. */
  from: number
}

/** Tokens to look at, unless the last answer alone has more. */
const MOST_TOKENS = 512
/** Tokens before the first answer whose place is known. */
const MOST_BEFORE = 256
/** Answers to look at; each writes the conversation twice. */
const MOST_ANSWERS = 16

interface Located {
  messages: readonly ChatMessage[]
  /** Index of the first message that fits into the model's context. */
  first: number
  parts: Omit<Said, 'messages'> & { asking: Asking }
  cached: readonly number[]
  signal?: AbortSignal
}

/**
 * Finds the last answers among the tokens of a conversation; undefined if it has none, or the last one is empty. Takes
 * the ids of the messages from the cache if they are there: encoded again, the text that a model wrote may have others.
 */
export async function locateAnswers(
  model: Model,
  { messages, first: before, parts, cached, signal }: Located,
): Promise<LocatedAnswers | undefined> {
  const last = messages.findLastIndex(({ role }) => role === 'assistant')
  if (last < 0) return undefined
  // The form of answers changes no prompt, and an answer that has begun can have none.
  const { asking: all, ...texts } = parts
  const { schema, grammar, regex, ...asking } = all
  const fitting = { ...texts, messages: messages.slice(0, last), first: before }
  const { first } = await writeFittingPrompt(model, fitting, asking, { signal })
  const write = async (to: number, open: readonly ChatMessage[], prefill = '') => {
    const said = { ...texts, messages: [...messages.slice(first, to), ...open], prefill }
    return (await writePrompt(model, said, asking, { signal })).ids
  }
  const idsBefore = (message: number) => {
    const { content } = messages[message]
    return write(message, [], content.startsWith(texts.prefill ?? '') ? texts.prefill : '')
  }
  // A message with calls cannot stay open behind them.
  const idsWith = (message: number) => {
    const { toolCalls, ...open } = messages[message]
    return write(message, isEmpty(open) ? [] : [open])
  }
  const prompt = await idsBefore(last)
  const isCached = cached.length > prompt.length && commonPrefix(cached, prompt) === prompt.length
  const ids = isCached ? [...cached] : await idsWith(last)
  if (commonPrefix(ids, prompt) === ids.length) return undefined
  const questionOf = (message: number) => messages.findLastIndex(({ role }, i) => i < message && role === 'user')
  const answers: AnswerPlace[] = [{ question: questionOf(last), from: commonPrefix(ids, prompt), to: ids.length }]
  const least = Math.min(ids.length - MOST_TOKENS, answers[0].from - 1)
  let knowsAll = true
  for (let message = last - 1; message >= first; message--) {
    if (messages[message].role !== 'assistant') continue
    const start = await idsBefore(message)
    const to = commonPrefix(ids, await idsWith(message))
    // A template may write an old answer in another way than it was read.
    knowsAll = commonPrefix(ids, start) === start.length && to > start.length && answers.length < MOST_ANSWERS
    if (!knowsAll || to <= least) break
    answers.unshift({ question: questionOf(message), from: start.length, to })
  }
  const from = Math.max(0, least, knowsAll ? 0 : answers[0].from - MOST_BEFORE)
  return { ids, answers: answers.filter(({ to }) => to > from), from }
}

/** Whether a message has nothing that a model could continue. */
export function isEmpty({ content, thinking = '' }: ChatMessage): boolean {
  return content === '' && thinking === ''
}
