import type { Asking } from '../../api/ask-options.js'
import type { ChatOptions, ChatResult, ChatStep } from '../../api/chat-options.js'
import type { ChatMessage } from '../../api/text.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { messageText, option, phrase } from '../../ground/message.js'
import type { AnswerEvent } from '../../text/answer-reader.js'
import { systemDropped } from '../../text/chat-frame.js'
import type { AnswerPart, AnswerToken } from './answer.js'
import type { SessionModel } from './generation/session-model.js'
import { type Prompt, type PromptModel, saidWith, writePrompt } from './prompt.js'
import { type TurnOptions, takeTurn } from './turn.js'

/** Takes a turn of a conversation, and yields the tokens of its answers. */
export async function* chat(
  messages: readonly ChatMessage[],
  model: SessionModel,
  options: ChatOptions,
  generate: TurnOptions['generate'],
): AsyncGenerator<ChatStep, ChatResult> {
  const { args, think, thinkBudget, tools = [], toolChoice, parallelToolCalls, maxTurns, onMessage, ...rest } = options
  const { schema, grammar, regex, guide, onWarning, ...generation } = rest
  const said = { messages, args }
  const write = async (added: readonly ChatMessage[], asking: Asking) => {
    const prompt = await writePrompt(modelOf(model), saidWith(said, added), asking, { signal: options.signal })
    return { ...prompt, limits: limitsOf(prompt, options) }
  }
  const asking = { think, thinkBudget, toolChoice, parallelToolCalls, schema, grammar, regex }
  const warn = onceEach(onWarning)
  const added: ChatMessage[] = []
  const add = (message: ChatMessage) => {
    added.push(message)
    onMessage?.(message)
  }
  let steps = new ChatSteps()
  const turn = takeTurn({ write, asking, tools: () => tools, generate, generation, maxTurns })
  for await (const event of turn) {
    if (event.kind === 'prompt') {
      const { dropsSystem, notes } = event.prompt
      for (const note of dropsSystem ? [systemDropped('the model'), ...notes] : notes) warn(messageText(note))
      steps = new ChatSteps(event.answer.part)
    } else if (event.kind === 'token') yield* steps.add(event)
    else if (event.kind !== 'call') {
      if (event.kind === 'answer') yield* steps.end(event.events)
      add(event.message)
      if (event.kind === 'answer' && event.isLast) {
        const { result, message, promptTokens, cachedTokens } = event
        const { readAgain = 0 } = result
        const counts = { promptTokens, cachedTokens: cachedTokens - readAgain }
        return { ...result, text: steps.text, ...counts, message, messages: added }
      }
    }
  }
  throw new Error('a turn ended without an answer')
}

/** The parts that a prompt is written for. Throws if the model has none. */
function modelOf({ chatTemplate, tokenizer, defaults }: SessionModel): PromptModel {
  if (!chatTemplate) {
    throw new UserError('the model has no chat template, which `chat` needs; write the prompt and use `generate`')
  }
  if (!tokenizer) throw new UsageError('the model came without tokenizer files, which `chat` needs')
  return { chatTemplate, tokenizer, generationDefaults: defaults }
}

function limitsOf({ limits }: Prompt, { guide }: ChatOptions): Prompt['limits'] {
  if (limits.guide && guide) {
    throw new UsageError(
      phrase`${option('guide')} cannot be combined with tools, a budget of thinking or a form of the content`,
    )
  }
  return guide ? { guide } : limits
}

/** Passes each warning on once: every answer could bring the same. */
function onceEach(onWarning: ChatOptions['onWarning']): (warning: string) => void {
  const given = new Set<string>()
  return (warning) => {
    if (!given.has(warning)) onWarning?.(warning)
    given.add(warning)
  }
}

/**
 * Makes steps of an answer's tokens. A token whose text is held back waits for the next one; a token whose text belongs to
 * two parts of the message becomes two steps.
 */
class ChatSteps {
  text = ''
  private last?: ChatStep
  private isWaiting = false

  constructor(private part: AnswerPart = 'content') {}

  *add({ step, events, part }: AnswerToken): Generator<ChatStep> {
    if (this.last && this.isWaiting) yield this.last
    const steps = stepsOf({ ...step, text: '', kind: this.part }, events)
    const shown = steps.map((one) => one.text).join('')
    this.part = part
    this.text += shown
    this.isWaiting = shown.length < step.text.length
    this.last = steps[steps.length - 1]
    yield* this.isWaiting ? steps.slice(0, -1) : steps
  }

  /** The texts that were held back until the end belong to the last token. */
  *end(events: readonly AnswerEvent[]): Generator<ChatStep> {
    const { last, isWaiting } = this
    const steps = last ? stepsOf(isWaiting ? last : { ...last, text: '' }, events) : []
    if (isWaiting || events.length > 0) yield* steps
    const text = steps.map((one) => one.text).join('')
    this.text += text.slice(isWaiting && last ? last.text.length : 0)
  }
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
