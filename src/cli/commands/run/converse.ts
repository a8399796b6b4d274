import type { AskOptions, AssistantMessage } from '../../../api/chat.js'
import type { OutputConstraint } from '../../../api/guide.js'
import type { Model } from '../../../api/model.js'
import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { UserError } from '../../../errors.js'
import { checkLanguageModel } from '../../../evaluation/check-language-model.js'
import { TraceFile } from '../../../experts/trace.js'
import type { OfferedTool } from '../../../tools/allowed-tools.js'
import { runCalls } from '../../../tools/run-calls.js'
import { interruption, interruptSignal } from '../../io/interrupt.js'
import { asksForConversation, type ConversationStart } from '../../parsing/conversation-options.js'
import type { TimedModel } from '../with-model.js'
import { checkComplete } from './complete-value.js'
import { KeptPrompt } from './kept-prompt.js'
import type { KeptRun } from './kept-run.js'
import { type Input, printAnswer } from './print-answer.js'
import { renderPrompt } from './render-prompt.js'
import type { RunOptions } from './run-options.js'
import type { Answered, RunWriter } from './run-writer.js'
import { noteCutOff, noteResult, warnOfPrompt } from './warnings.js'
import { createRunWriter } from './writers.js'

/** Most answers to a question: all but the last call tools. */
const MOST_ANSWERS = 16

/** A question, and how the model is asked. */
export interface Question {
  prompt: string
  start: ConversationStart
  ask: AskOptions & OutputConstraint
  /** Tools that the model may call; they may change between answers. */
  tools?: () => readonly OfferedTool[]
  /** Resolves with true if a call may run, else with false or a reason. */
  allow?: (call: ToolCall, tool: OfferedTool) => Promise<boolean | string>
}

/**
 * Asks a model, runs the tools that it calls, and prints its answers. Rejects with a UserError if the last one ends
 * within the form that it must have, or if the model does not end calling tools. `keptRun` gets all messages before.
 */
export async function converse(
  first: Question,
  options: RunOptions,
  loaded: TimedModel,
  keptRun?: KeptRun,
): Promise<void> {
  const { model } = loaded
  checkLanguageModel(model)
  let question = first
  let input = await inputOf(model, question, options)
  const trace = options.trace === undefined ? undefined : await openTrace(options.trace, model)
  if (!options.quiet) warnOfPrompt(input.rendered, input.ids.length, model, options.context)
  const session = model.createSession()
  const keptPrompt = new KeptPrompt(options)
  await keptPrompt.load(session, model, input.ids, keptRun?.cachePath)
  const writer = await createRunWriter(options, loaded)
  try {
    for (let count = 1; ; count++) {
      const continues = (answered: Answered) => count < MOST_ANSWERS && callsTools(answered, question)
      const answered = await printAnswer(session, input, { writer, trace, options, continues })
      if (!continues(answered)) {
        await keptRun?.keep([...messagesOf(question), answered.message], question.start.system, loaded)
        await keptPrompt.save(session, model, keptRun?.cachePath)
        return checkEnd(answered, question, options)
      }
      question = await withResults(answered.message, question, writer, options)
      input = await inputOf(model, question, options)
    }
  } catch (error) {
    if (interruption()) {
      await writer.interrupted(input.ids.length)
      if (session.length < input.ids.length) session.truncateToCommon(input.ids)
      await keptPrompt.save(session, model)
    }
    throw error
  } finally {
    session.dispose()
    await trace?.close()
  }
}

/** Runs the calls of an answer. Resolves with the question that has their results. */
async function withResults(
  message: AssistantMessage,
  question: Question,
  writer: RunWriter,
  { quiet }: RunOptions,
): Promise<Question> {
  const { start, tools, allow } = question
  const { toolCalls = [] } = message
  const results = await runCalls(toolCalls, tools?.() ?? [], { signal: interruptSignal(), allow })
  for (const result of results) if (!quiet) noteResult(result)
  await writer.ran(results)
  const messages = [...messagesOf(question), message, ...results]
  return { ...question, prompt: '', start: { ...start, messages, prefill: '' } }
}

function messagesOf({ prompt, start }: Question): ChatMessage[] {
  return prompt === '' ? start.messages : [...start.messages, { role: 'user', content: prompt }]
}

function callsTools({ message, result }: Answered, { tools }: Question): boolean {
  return tools !== undefined && Boolean(message.toolCalls?.length) && result.finishReason !== 'length'
}

function checkEnd(answered: Answered, question: Question, options: RunOptions): void {
  if (callsTools(answered, question)) {
    throw new UserError(`the model called tools in ${MOST_ANSWERS} answers in a row, so this is the last one`)
  }
  checkComplete(answered, question.ask)
  if (!options.quiet) noteCutOff(answered)
}

async function inputOf(model: Model, { prompt, start, ask, tools }: Question, options: RunOptions): Promise<Input> {
  const signal = interruptSignal()
  const { raw, stop } = options
  const isConversation = asksForConversation(options) || options.continue === true
  const rendered = await renderPrompt(model, prompt, start, {
    ...ask,
    tools: tools?.(),
    raw,
    stop,
    isConversation,
    signal,
  })
  const ids = await model.tokenizer.encodeAsync(rendered.text, { ...rendered.encoding, signal })
  return { rendered, ids, prefill: start.prefill }
}

function openTrace(path: string, { tokenizer }: Model): Promise<TraceFile> {
  return TraceFile.create(path, (id) => tokenizer.decode([id]))
}
