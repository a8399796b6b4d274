import type { Asking } from '../../../api/ask-options.js'
import { optionsIn } from '../../../api/generation-options.js'
import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { saidWith, writePrompt } from '../../../engine/session/prompt.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'
import { type Answered, MOST_ANSWERS, takeTurn } from '../../../engine/session/turn.js'
import { UserError } from '../../../ground/errors.js'
import { checkLanguageModel } from '../../../lab/evaluation/check-language-model.js'
import { interruption, interruptSignal } from '../../io/interrupt.js'
import { asksForConversation, type ConversationStart } from '../../parsing/conversation-options.js'
import type { TimedModel } from '../../setup/with-model.js'
import { checkComplete } from './complete-value.js'
import { KeptPrompt } from './kept-prompt.js'
import type { KeptRun } from './kept-run.js'
import type { RunOptions } from './run-options.js'
import { saidIn } from './said.js'
import { TurnPrinter } from './turn-printer.js'
import { noteCutOff, warnOfPrompt } from './warnings.js'

/** A question, and how the model is asked. */
export interface Question {
  prompt: string
  start: ConversationStart
  ask: Asking
  /** Tools that the model may call; they may change between answers. */
  tools?: () => readonly OfferedTool[]
  /** Resolves with true if a call may run, else with false or a reason. */
  allow?: (call: ToolCall, tool: OfferedTool) => Promise<boolean | string>
}

/**
 * Takes a turn and prints its answers. Rejects with a UserError if the last one ends within the form that it must have, or
 * if the model does not end calling tools. `keptRun` gets all messages before.
 */
export async function printTurn(
  { prompt, start, ask, tools, allow }: Question,
  options: RunOptions,
  loaded: TimedModel,
  keptRun?: KeptRun,
): Promise<void> {
  const { model } = loaded
  checkLanguageModel(model)
  const { raw: isRaw, quiet } = options
  const isConversation = asksForConversation(options) || options.continue === true || tools !== undefined
  const said = saidIn(prompt, { ...start, isRaw, isConversation }, model)
  const signal = interruptSignal()
  const session = model.createSession()
  const keptPrompt = new KeptPrompt(options)
  const printer = new TurnPrinter(options, loaded, start.prefill)
  const added: ChatMessage[] = []
  let ids: readonly number[] = []
  const turn = takeTurn({
    asking: ask,
    tools,
    allow,
    write: (added, asking) => writePrompt(model, saidWith(said, added), asking, { signal }),
    generate: ({ ids }, options) => {
      const cachedTokens = session.truncateToCommon(ids)
      return { cachedTokens, steps: session.generate(ids.slice(cachedTokens), options) }
    },
    generation: { ...optionsIn(options), ...printer.listening, signal },
  })
  try {
    for await (const event of turn) {
      if (event.kind === 'prompt') {
        const isFirst = ids.length === 0
        ids = event.prompt.ids
        if (isFirst) {
          await printer.open()
          if (!quiet) warnOfPrompt(event.prompt, model, options.context)
          await keptPrompt.load(session, model, ids, keptRun?.cachePath)
        }
      }
      await printer.print(event)
      if (event.kind === 'answer' || event.kind === 'result') added.push(event.message)
      if (event.kind === 'answer' && event.isLast) {
        await keptRun?.keep(saidWith(said, added).messages, start.system, loaded)
        await keptPrompt.save(session, model, keptRun?.cachePath)
        checkEnd(event, ask, quiet)
      }
    }
  } catch (error) {
    if (interruption() && ids.length > 0) {
      await printer.interrupted(ids.length)
      if (session.length < ids.length) session.truncateToCommon(ids)
      await keptPrompt.save(session, model)
    }
    throw error
  } finally {
    session.dispose()
    await printer.close()
  }
}

function checkEnd(answered: Answered, form: Asking, quiet?: boolean): void {
  if (answered.message.toolCalls?.length && answered.result.finishReason !== 'length') {
    throw new UserError(`the model called tools in ${MOST_ANSWERS} answers in a row, so this is the last one`)
  }
  checkComplete(answered, form)
  if (!quiet) noteCutOff(answered)
}
