import { setTimeout as wait } from 'node:timers/promises'
import { plural } from '../../numbers.js'
import { harmless } from '../../terminal/cell-width.js'
import { describeReading } from '../../terminal/reading.js'
import type { Chat } from './chat.js'
import type { AnswerWatcher } from './running-answer.js'

/** Shorter prompts are read at once. */
const LONG = 256

/** Brings what comes of an answer to the chat and its map of experts. */
export function watchAnswer(chat: Chat, signal: AbortSignal): AnswerWatcher {
  const { map } = chat
  const { tokenizer } = chat.model
  let newest = ''
  let due = 0
  return {
    systemDropped: () => chat.warnOfSystem(),
    prompt: (tokens) => chat.warnOfLength(tokens),
    progress: (progress) => {
      chat.reading = progress.total > LONG ? describeReading(progress) : undefined
      chat.changed('soon')
    },
    read: (tokens, routes) => {
      const texts = tokens.map((token) => tokenizer.decode([token]))
      map.read(texts, routes)
    },
    pause: async () => {
      if (chat.pace === undefined) return
      const now = performance.now()
      due = Math.max(now, due + 1000 / chat.pace)
      chat.changed('soon')
      // An abort ends the pause as it ends the answer.
      if (due > now) await wait(due - now, undefined, { signal }).catch(() => undefined)
    },
    text: (piece) => {
      chat.reading = undefined
      chat.answer += harmless(piece)
      chat.changed('soon')
    },
    token: (token) => {
      newest = tokenizer.decode([token])
    },
    routes: (routes) => {
      map.add(newest, routes)
      chat.changed('soon')
    },
    leftOut: (messages) => {
      chat.say('note', `the model's context is full: ${plural(messages, 'old message')} left out from here on`)
    },
    end: (tokens) => map.endAnswer(tokens),
  }
}
