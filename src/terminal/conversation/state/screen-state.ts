import type { PromptProgress } from '../../../api/generation.js'
import type { AnswerPart, AnswerToken } from '../../../engine/session/answer.js'
import { harmless } from '../../../ground/output/cell-width.js'
import { describeReading } from '../../../ground/output/reading.js'
import type { ConversationEvent } from '../turns/conversation.js'
import { callInWords, nameInWords, resultInWords } from './call-words.js'
import type { ChatItem, ItemExtra } from './items.js'
import { endNotes, messageOf } from './notes.js'
import { isBlank, type Thought, thoughtLine } from './thought.js'

/** Tokens of a prompt that is read too quickly to show its progress. */
const SHORT = 256

/** All that a chat shows of its conversation. */
export interface ScreenState {
  /** Finished pieces, for the terminal's scrollback. */
  items: readonly ChatItem[]
  /** Work of the model; absent when it does nothing. */
  running?: RunningText
}

export interface RunningText {
  /** The answer so far. */
  text: string
  /** Whether the text is shown as written, though it may be Markdown. */
  isLiteral: boolean
  /** Progress of reading a long prompt, in words, until the answer begins. */
  reading?: string
  thought: Thought
  /** Part of the message that comes now. */
  part: AnswerPart
  /** The call whose result comes next. The user may be asked whether its tool may run. */
  call?: { tool: string; state: 'written' | Permission }
}

/** Whether the tool of a call may run: the user is asked, or has agreed or declined. */
type Permission = 'asked' | 'running' | 'declined'

export const NOTHING_YET: RunningText = {
  text: '',
  isLiteral: false,
  thought: { text: '', tokens: 0 },
  part: 'content',
}

/** Events of a conversation, and what the chat adds to them. */
export type ScreenEvent =
  | Extract<ConversationEvent, { kind: 'call' | 'result' | 'failed' | 'broken-off' }>
  | ({ kind: 'token' } & Pick<AnswerToken, 'events' | 'part'>)
  /** `extra` is for the item of the last answer. */
  | (Extract<ConversationEvent, { kind: 'answer' }> & { extra?: ItemExtra; model: string })
  | { kind: 'item'; item: ChatItem }
  /** The model begins to work; `text` is the part of its answer that is there already. */
  | { kind: 'start'; text: string; isLiteral?: boolean }
  | ({ kind: 'progress' } & PromptProgress)
  /** Progress of work that is no answer. */
  | { kind: 'search'; text: string }
  | { kind: 'permission'; state: Permission }
  | { kind: 'end' }

/** The state after an event, which came at `now` in ms. */
export function screenAfter(state: ScreenState, event: ScreenEvent, now: number): ScreenState {
  if (event.kind === 'item') return withItems(state, event.item)
  if (event.kind === 'failed') {
    return withItems(state, { kind: 'error', text: messageOf(event.error) })
  }
  if (event.kind === 'end') return { ...state, running: undefined }
  if (event.kind === 'start') {
    return { ...state, running: { ...NOTHING_YET, text: harmless(event.text), isLiteral: event.isLiteral ?? false } }
  }
  return state.running ? whileRunning(state as WorkingState, event, now) : state
}

type WorkingState = Required<ScreenState>
type WorkingEvent = Exclude<ScreenEvent, { kind: 'item' | 'failed' | 'end' | 'start' }>

function whileRunning(state: WorkingState, event: WorkingEvent, now: number): WorkingState {
  const { call, thought } = state.running
  switch (event.kind) {
    case 'progress':
      return withRunning(state, { reading: event.total > SHORT ? describeReading(event) : undefined })
    case 'search':
      return withRunning(state, { reading: event.text })
    case 'token': {
      const { part, events } = event
      if (part !== 'thinking') return withText(state, events, now)
      const counted = { ...thought, begunAt: thought.begunAt ?? now, tokens: thought.tokens + 1 }
      return withText(withRunning(state, { reading: undefined, part, thought: counted }), events, now)
    }
    case 'answer': {
      const ended = folded(withText(state, event.events, now), now)
      return { ...withItems(ended, ...answerItems(event)), running: NOTHING_YET }
    }
    case 'call': {
      const { name } = event.call
      const written = withItems(state, { kind: 'call', text: callInWords(event.call) })
      return withRunning(written, { call: { tool: nameInWords(name), state: 'written' } })
    }
    case 'permission': {
      const changed = withRunning(state, { call: call && { ...call, state: event.state } })
      return event.state === 'declined' ? withItems(changed, { kind: 'result', text: 'declined' }) : changed
    }
    case 'result': {
      const { message, error } = event
      const ended = withRunning(state, { call: undefined })
      if (error !== undefined) {
        const text = `${nameInWords(message.name ?? '')}: ${resultInWords(messageOf(error))}`
        return withItems(ended, { kind: 'error', text })
      }
      return call?.state === 'declined'
        ? ended
        : withItems(ended, { kind: 'result', text: resultInWords(message.content) })
    }
    case 'broken-off': {
      const stopped: ChatItem[] = call?.state === 'running' ? [{ kind: 'result', text: 'stopped' }] : []
      const why = event.isInterrupted ? 'interrupted' : 'no answer yet'
      const next = event.hasOpenCalls ? 'asks again' : 'resumes it'
      return withItems(state, ...stopped, { kind: 'note', text: `${why}: /continue ${next}` })
    }
  }
}

/** Adds text to the parts of a message. Text after thoughts folds them. */
function withText(state: WorkingState, events: AnswerToken['events'], now: number): WorkingState {
  return events.reduce((before, event) => {
    if (event.kind === 'called') return before
    const { text, thought } = before.running
    const begun = withRunning(before, { reading: undefined, part: event.kind })
    const piece = harmless(event.text)
    if (event.kind === 'thinking') {
      return withRunning(begun, {
        thought: { ...thought, begunAt: thought.begunAt ?? now, text: thought.text + piece },
      })
    }
    const after = folded(begun, now)
    return event.kind === 'content' ? withRunning(after, { text: text + piece }) : after
  }, state)
}

/** The thoughts are over: a line in the conversation replaces them. */
function folded(state: WorkingState, now: number): WorkingState {
  const { thought: open } = state.running
  if (open.endedAt !== undefined) return state
  const thought = { ...open, endedAt: now }
  const ended = withRunning(state, { thought })
  return isBlank(thought) ? ended : withItems(ended, { kind: 'thought', text: thoughtLine(thought) })
}

/** An answer, its calls if none of them runs, and notes about its end. */
function answerItems({ answer, isLast, extra, model }: ScreenEvent & { kind: 'answer' }): ChatItem[] {
  const text = answer.message.content.trimEnd()
  if (!isLast) return text === '' ? [] : [{ kind: 'answer', text }]
  const notes = endNotes(answer, model, extra?.isLiteral)
  return [
    ...(answer.hadEnded ? [] : [{ ...extra, kind: 'answer' as const, text }]),
    ...(answer.calls ?? []).map((call) => ({ kind: 'call' as const, text: callInWords(call) })),
    ...notes.map((note) => ({ kind: 'note' as const, text: note })),
  ]
}

function withRunning(state: WorkingState, changed: Partial<RunningText>): WorkingState {
  return { ...state, running: { ...state.running, ...changed } }
}

/** Adds items. No text in them can control the terminal. */
function withItems<S extends ScreenState>(state: S, ...items: readonly ChatItem[]): S {
  const shown = items.map((item) => {
    const spans = item.spans?.map((span) => ({ ...span, text: harmless(span.text) }))
    return { ...item, text: harmless(item.text), ...(spans && { spans }) }
  })
  return { ...state, items: [...state.items, ...shown] }
}
