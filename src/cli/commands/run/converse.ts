import type { AskOptions } from '../../../api/chat.js'
import type { OutputConstraint } from '../../../api/guide.js'
import type { Model } from '../../../api/model.js'
import { checkLanguageModel } from '../../../evaluation/check-language-model.js'
import { TraceFile } from '../../../experts/trace.js'
import { interruptSignal } from '../../io/interrupt.js'
import { asksForConversation, type ConversationStart } from '../../parsing/conversation-options.js'
import type { TimedModel } from '../with-model.js'
import { checkComplete } from './complete-value.js'
import { type Input, printAnswer } from './print-answer.js'
import { renderPrompt } from './render-prompt.js'
import type { RunOptions } from './run-options.js'
import { warnOfPrompt } from './warnings.js'
import { createRunWriter } from './writers.js'

/** A question, and how the model is asked. */
export interface Question {
  prompt: string
  start: ConversationStart
  ask: AskOptions & OutputConstraint
}

/** Generates the answer to a question and prints it. Rejects with a UserError if it ends within its form. */
export async function converse(question: Question, options: RunOptions, loaded: TimedModel): Promise<void> {
  const { model } = loaded
  checkLanguageModel(model)
  const input = await inputOf(model, question, options)
  const trace = options.trace === undefined ? undefined : await openTrace(options.trace, model)
  if (!options.quiet) warnOfPrompt(input.rendered, input.ids.length, model, options.context)
  const session = model.createSession()
  try {
    const writer = createRunWriter(options, loaded)
    const answered = await printAnswer(session, input, { writer, trace, options, continues: () => false })
    checkComplete(answered, question.ask)
  } finally {
    session.dispose()
    await trace?.close()
  }
}

async function inputOf(model: Model, { prompt, start, ask }: Question, options: RunOptions): Promise<Input> {
  const signal = interruptSignal()
  const { raw, stop } = options
  const isConversation = asksForConversation(options)
  const rendered = await renderPrompt(model, prompt, start, { ...ask, raw, stop, isConversation, signal })
  const addSpecialTokens = !rendered.hasSpecialTokens
  const ids = await model.tokenizer.encodeAsync(rendered.text, { addSpecialTokens, signal })
  return { rendered, ids, prefill: start.prefill }
}

function openTrace(path: string, { tokenizer }: Model): Promise<TraceFile> {
  return TraceFile.create(path, (id) => tokenizer.decode([id]))
}
