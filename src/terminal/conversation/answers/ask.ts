import type { ToolCall } from '../../../api/text.js'
import { changeInWords } from '../../../chat/tools/allowed-tools.js'
import { hasForm } from '../../../engine/session/prompt.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'
import { messageText } from '../../../ground/message.js'
import { plural } from '../../../ground/numbers.js'
import { harmless } from '../../../ground/output/cell-width.js'
import { awakeSentence } from '../../../insight/usage/awake.js'
import { ExpertUsage } from '../../../insight/usage/usage.js'
import type { ModelConfig } from '../../../model/config/config.js'
import { systemDropped } from '../../../text/chat-frame.js'
import type { MappedToken } from '../../map/token-map.js'
import type { Chat } from '../chat-state.js'
import type { ItemExtra } from '../state/items.js'
import { lengthNote } from '../state/notes.js'
import { type ConversationEvent, stoppedResult, type TurnOptions } from '../turns/conversation.js'
import { colourAnswer, spansWithin } from './colouring.js'

/** Asks the model a question; the texts of files that wait go before it. */
export async function ask(chat: Chat, text: string): Promise<void> {
  chat.say('user', withFoldedPastes(chat, text))
  chat.retries = 0
  const { conversation, pending, turns } = chat
  const whole = [...pending, text].join('\n')
  const { openCalls } = conversation
  if (openCalls.length > 0 && chat.tools().length > 0) conversation.breakOff(openCalls.map(stoppedResult))
  turns.ask()
  await takeTurn(chat, async function* (options) {
    yield* conversation.ask(whole, options)
    if (pending.length > 0) chat.sentWith.set(whole, { texts: pending, question: text })
    chat.pending = []
  })
}

/** Longest pasted text that is shown whole, in characters. */
const SHOWN_PASTE = 1000

/** A message as the scrollback shows it: a line in place of each long text that was pasted into it. */
function withFoldedPastes({ pasted }: Chat, message: string): string {
  return pasted.splice(0).reduce((shown, paste) => {
    const text = harmless(paste)
    const line = `[pasted text, ${text.length.toLocaleString('en-US')} characters]`
    return text.length > SHOWN_PASTE ? shown.replace(text.trim(), () => line) : shown
  }, message)
}

/** Answers the last question again, with the next seed. */
export async function retry(chat: Chat): Promise<void> {
  const { conversation, turns } = chat
  const { question } = conversation
  if (question < 0) return chat.say('note', 'there is nothing to answer yet')
  turns.retry(question)
  await takeTurn(chat, (options) => {
    const seed = options.seed === undefined ? undefined : options.seed + ++chat.retries
    return conversation.retry({ ...options, seed })
  })
}

/** Runs calls that have no results yet, or continues the last answer. */
export async function resume(chat: Chat): Promise<void> {
  const { conversation } = chat
  const hasCalls = chat.tools().length > 0 && conversation.openCalls.length > 0
  const last = conversation.messages.at(-1)
  if (!hasCalls && last?.role !== 'assistant') return chat.say('note', 'there is no answer to resume')
  await takeTurn(chat, (options) => conversation.resume(options), hasCalls ? '' : last?.content)
}

/** Takes back the last question and its answer, and returns the question; undefined if there is none. */
export function undo(chat: Chat): string | undefined {
  const { conversation, turns, sentWith } = chat
  const question = conversation.undo()
  if (question === undefined) return undefined
  turns.undo(conversation.messages.length)
  chat.latest = undefined
  chat.keep('changed')
  const sent = sentWith.get(question)
  chat.pending.unshift(...(sent?.texts ?? []))
  return sent?.question ?? question
}

/** Follows the events of a turn on the screen, on the map and in the file. `text` is a part of its first answer. */
async function takeTurn(
  chat: Chat,
  turn: (options: TurnOptions) => AsyncGenerator<ConversationEvent, void>,
  text = chat.conversation.parts.prefill,
): Promise<void> {
  const { conversation, map, turns, model } = chat
  const before = map.tokens.at(-1)
  const textOf = (token: number) => model.tokenizer.decode([token])
  turns.beginAnswer()
  const follow = async (options: TurnOptions) => {
    const allow = (_: ToolCall, tool: OfferedTool) => mayRun(chat, tool, options.signal)
    try {
      for await (const event of turn({ ...options, allow })) {
        turns.add(event, conversation.lastQuestion, textOf)
        if (event.kind === 'prompt') notePrompt(chat, event)
        else if (event.kind === 'answer') showAnswer(chat, event)
        else if (event.kind === 'failed') chat.fail(event.error)
        else if (event.kind !== 'read') chat.show(event)
      }
    } catch (error) {
      turns.failed(before, conversation.hasAnswers)
      throw error
    } finally {
      map.settle()
      chat.keep('answered')
    }
  }
  await chat.run(follow, { text })
}

/** Whether a tool may run: the user is asked about one that is not allowed yet. */
async function mayRun(chat: Chat, tool: OfferedTool, signal?: AbortSignal): Promise<boolean> {
  const { question } = chat
  let isAllowed = question.allows(tool)
  if (!isAllowed) {
    const change = changeInWords(tool)
    if (change !== undefined) chat.say('note', change)
    const answer = question.ask(tool, signal)
    chat.show({ kind: 'permission', state: 'asked' })
    isAllowed = await answer
  }
  chat.show({ kind: 'permission', state: isAllowed ? 'running' : 'declined' })
  return isAllowed
}

/** Notes what the user should know of a prompt, and keeps the question. */
function notePrompt(chat: Chat, { prompt }: ConversationEvent & { kind: 'prompt' }): void {
  const { noted, model, settings } = chat
  noteLeftOut(chat, prompt)
  const notes = [
    ...(prompt.dropsSystem ? [systemDropped(model.name)] : []),
    ...prompt.notes.map((note) => messageText(note)),
  ]
  for (const text of notes.filter((text) => !noted.has(text))) chat.say('note', text)
  for (const text of notes) noted.add(text)
  chat.keep('asked')
  const length = chat.hasNotedLength ? undefined : lengthNote(prompt.ids.length, model, settings.generation.context)
  if (length === undefined) return
  chat.hasNotedLength = true
  chat.say('note', length)
}

export function noteLeftOut(chat: Chat, { leftOut }: { leftOut?: number }): void {
  if (leftOut === undefined) return
  chat.say('note', `the model's context is full: ${plural(leftOut, 'old message')} left out from here on`)
}

/** Shows an answer; the last one of a turn with its experts and its colours. */
function showAnswer(chat: Chat, event: ConversationEvent & { kind: 'answer' }): void {
  const { answer, isLast } = event
  const { model } = chat
  if (!answer.hadEnded) chat.latest = { answer, origin: originOf(chat) }
  const extra = isLast && !answer.hadEnded ? extraOf(chat, answer.message.content.trimEnd()) : undefined
  chat.show({ ...event, model: model.name, extra })
  if (isLast) void chat.refreshMemory()
  else chat.keep('answered')
}

/** Experts and colours of the last answer. */
function extraOf(chat: Chat, text: string): ItemExtra {
  const { model, colour, map, turns, conversation, painter } = chat
  const { latest: tokens } = turns
  const look = { model, background: painter.ground, atlas: map.atlas }
  const spans = tokens && colour && spansWithin(text, colourAnswer(tokens, colour, look).spans)
  const isLiteral = hasForm(conversation.parts.asking)
  return { footer: tokens && answerAwake(tokens, model.config), spans, isLiteral }
}

/** Describes the experts that an answer woke, in one sentence; undefined if no token reports any. */
function answerAwake(tokens: readonly MappedToken[], { mixtures }: ModelConfig): string | undefined {
  const usage = new ExpertUsage({ mixtures })
  for (const { routes } of tokens) usage.add(routes, 1)
  return mixtures.length === 0 || usage.tokens === 0 ? undefined : awakeSentence(usage)
}

/** Options and texts that an answer is generated with. */
export function originOf({ conversation, settings }: Chat): string {
  const { asking, mask, parts } = conversation
  return JSON.stringify([settings.generation, mask, parts, asking])
}
