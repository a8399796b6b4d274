import { describeReading } from '../../ground/output/reading.js'
import { awakeIn, awakeSentence } from '../../lab/experts/usage/awake.js'
import type { ExpertsPanel } from '../experts/experts-panel.js'
import type { TextColouring } from '../experts/text-colouring.js'
import { GrowingText } from '../markdown/growing-text.js'
import type { AnswerChunk, PromptProgress } from '../requests/api.js'
import { Batches } from '../requests/batches.js'
import { ServerGone } from '../requests/events.js'
import type { Models } from '../requests/models.js'
import { piecesOf } from '../requests/pieces.js'
import type { RoutedToken } from '../requests/routes.js'
import type { Answer } from './answer.js'
import { AnswerParts, type AnswerPiece } from './answer-parts.js'
import { Pace } from './pace.js'
import type { Turn } from './turn.js'

/** A question and the answer that is coming. */
interface Shown {
  /** Turns of the messages, whose tokens come with the answer. */
  turns: readonly Turn[]
  answer: Answer
  /** The answer before this one, if any. */
  before?: Answer
  /** Is aborted when the user stops the answer. */
  signal: AbortSignal
}

/** Shows an answer token by token, in the text and in the map. */
export class AnswerStream {
  constructor(
    private readonly models: Models,
    private readonly panel: ExpertsPanel,
    private readonly colouring: TextColouring,
  ) {}

  /**
   * Shows the chunks of an answer as they come. Resolves with `limit` if the answer reached its limit of tokens. Rejects if
   * the chunks break off.
   */
  async show(chunks: AsyncIterable<AnswerChunk>, { turns, answer, before, signal }: Shown): Promise<'whole' | 'limit'> {
    const parts = new AnswerParts()
    const pace = new Pace()
    const text = new GrowingText('answer', this.models.model)
    let end = ''
    let isAtLimit = false
    let read: PromptProgress | undefined
    let promptTokens = 0
    const batches = new Batches<AnswerPiece>((certain) => {
      answer.show(certain)
      // The line of the thoughts counts meanwhile.
      answer.note(answer.isThinking ? '' : read ? readingOf(read) : `${pace}${end}`)
      this.colouring.paint()
      this.panel.drawSoon(answer.newest)
    })
    const begin = this.models.watch((line) => answer.note(line))
    try {
      for await (const chunk of chunks) {
        begin()
        read = chunk.progress
        promptTokens = read?.total ?? chunk.prompt?.length ?? promptTokens
        if (chunk.prompt) for (const turn of turns) this.showTokens(turn, chunk.prompt)
        const numbered = chunk.tokens.map((token, i) => {
          const part = parts.partOf(chunk, token.kind)
          return { part, text: token.text, token: this.panel.count(token, text, chunk.logprobs[i]) }
        })
        for (const { part } of numbered) answer.count(part, 1)
        // A long conversation has no reports of experts, but still log-probabilities.
        if (numbered.length === 0) answer.count(parts.partOf(chunk), chunk.logprobs.length)
        for (const call of chunk.calls) answer.call(call)
        for (const note of chunk.notes) answer.warn(note, before)
        pace.count(numbered.length || chunk.logprobs.length)
        if (promptTokens > 0) answer.contextTokens = promptTokens + pace.counted
        if (chunk.finishReason === 'length') {
          end = ', the limit'
          isAtLimit = true
        }
        await batches.add(parts.add(chunk, numbered))
      }
      if (text.usage.tokens === 0) end += `${pace.counted > 0 ? '; ' : ''}the server reports no experts`
      return isAtLimit ? 'limit' : 'whole'
    } catch (error) {
      end = `${pace.counted > 0 ? '; ' : ''}${signal.aborted ? 'stopped' : reasonOf(error)}`
      throw error
    } finally {
      begin()
      if (text.usage.tokens > 0) end += `; ${threeNumbers(text)}`
      await batches.add(parts.end())
      answer.isBusy = false
      batches.flush()
      this.panel.rest()
      this.colouring.paint(true)
    }
  }

  /** Replaces a message's text by its tokens, if the prompt has it unchanged. */
  private showTokens({ body }: Turn, prompt: readonly RoutedToken[]): void {
    const places = prompt.map(({ text }, token) => ({ text, token }))
    const pieces = piecesOf(body.text, places) ?? piecesOf(body.text.trim(), places)
    if (pieces) body.replace(pieces.map(({ text, token }) => ({ text, token: this.panel.add(prompt[token]) })))
  }
}

/** The reason why an answer has no end. */
function reasonOf(error: unknown): string {
  return `cut: ${error instanceof ServerGone ? 'the server went away' : 'the server had an error'}`
}

/** The experts of an answer in numbers: `164 of 192 experts woke; 41 of them did half of the work; 28 slept`. */
function threeNumbers({ usage }: GrowingText): string {
  return `${awakeSentence(usage)}; ${awakeIn(usage).slept.toLocaleString('en-US')} slept`
}

/** The line below an answer while its prompt is read; tokens that an earlier request had left in memory do not count. */
function readingOf({ total, cache, processed, time_ms: timeMs }: PromptProgress): string {
  return describeReading({ total: total - cache, processed: processed - cache, timeMs })
}
