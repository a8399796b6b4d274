import type { PromptProgress, RoutedToken } from '../../api/wire.js'
import { plural } from '../../ground/numbers.js'
import { describeReading } from '../../ground/output/reading.js'
import type { ExpertsPanel } from '../experts/experts-panel.js'
import type { TextColouring } from '../experts/text-colouring.js'
import { GrowingText } from '../markdown/growing-text.js'
import type { TokenText } from '../markdown/token-text.js'
import type { AnswerChunk, TokenPlace } from '../requests/api.js'
import { Batches } from '../requests/batches.js'
import { ServerGone } from '../requests/events.js'
import { piecesOf } from '../requests/pieces.js'
import type { PageModel } from '../requests/routes.js'
import { AnswerParts, type AnswerPiece } from './answer-parts.js'
import { addCall } from './calls.js'
import type { Exchange } from './exchange.js'

/** Parts of the page that show an answer. */
interface StreamParts {
  model: () => PageModel
  panel: ExpertsPanel
  colouring: TextColouring
  /** Calls `show` with a line while the request waits for its model. Returns a function that ends this. */
  watch: (show: (line: string) => void) => () => void
  /** The answer has changed, apart from its texts. */
  changed: () => void
}

/** Shows an answer token by token, in the text and in the map. */
export class AnswerStream {
  constructor(private readonly parts: StreamParts) {}

  /**
   * Shows the chunks of an answer as they come, written without the experts of `mask`. Rejects if they break off; `signal`
   * is aborted when the user stops the answer.
   */
  async show(
    chunks: AsyncIterable<AnswerChunk>,
    { turns, answer }: Exchange,
    { mask, signal }: { mask?: readonly string[]; signal: AbortSignal },
  ): Promise<void> {
    const { panel, colouring, changed } = this.parts
    const parts = new AnswerParts()
    const pace = new Pace()
    const text = new GrowingText('answer', this.parts.model())
    let end = ''
    let read: PromptProgress | undefined
    let promptTokens = 0
    /** The prompt and the answer so far, if the server reports the prompt. */
    let ids: number[] | undefined
    const note = (line: string) => {
      answer.note = line
      changed()
    }
    const batches = new Batches<AnswerPiece>((certain) => {
      answer.show(certain)
      // The line of the thoughts counts meanwhile.
      note(answer.isThinking ? '' : read ? readingOf(read) : `${pace}${end}`)
      colouring.paint()
      panel.drawSoon(answer.newest)
    })
    const begin = this.parts.watch(note)
    try {
      for await (const chunk of chunks) {
        begin()
        read = chunk.progress
        promptTokens = read?.total ?? chunk.prompt?.length ?? promptTokens
        if (chunk.prompt) {
          ids = chunk.prompt.map(({ token }) => token)
          for (const turn of turns) this.showTokens(turn.text, chunk.prompt, { ids, mask })
        }
        const numbered = chunk.tokens.map((token, i) => {
          const part = parts.partOf(chunk, token.kind)
          const place = ids && { ids, at: ids.push(token.token) - 1, mask }
          return { part, text: token.text, token: panel.count(token, text, place, chunk.logprobs[i]) }
        })
        for (const { part } of numbered) answer.count(part, 1)
        // A long conversation has no reports of experts, but still log-probabilities.
        if (numbered.length === 0) answer.count(parts.partOf(chunk), chunk.logprobs.length)
        for (const call of chunk.calls) addCall(answer.calls, call)
        answer.warnings.push(...chunk.notes)
        pace.count(numbered.length || chunk.logprobs.length)
        if (promptTokens > 0) answer.contextTokens = promptTokens + pace.counted
        if (chunk.finishReason === 'length') {
          end = ', the limit'
          answer.end = 'limit'
        }
        await batches.add(parts.add(chunk, numbered))
      }
      if (answer.end === 'cut') answer.end = 'whole'
      if (text.usage.tokens === 0) end += `${pace.counted > 0 ? '; ' : ''}the server reports no experts`
    } catch (error) {
      answer.end = 'cut'
      end = `${pace.counted > 0 ? '; ' : ''}${signal.aborted ? 'stopped' : reasonOf(error)}`
      throw error
    } finally {
      begin()
      await batches.add(parts.end())
      answer.isBusy = false
      batches.flush()
      panel.rest()
      colouring.paint(true)
    }
  }

  /** Replaces a message's text by its tokens, if the prompt has it unchanged. */
  private showTokens(body: TokenText, prompt: readonly RoutedToken[], read: Omit<TokenPlace, 'at'>): void {
    const places = prompt.map(({ text }, token) => ({ text, token }))
    const pieces = piecesOf(body.text, places)
    const number = (at: number) => this.parts.panel.add(prompt[at], { ...read, at })
    if (pieces) body.replace(pieces.map(({ text, token }) => ({ text, token: number(token) })))
  }
}

/** The reason why an answer has no end. */
function reasonOf(error: unknown): string {
  return `cut: ${error instanceof ServerGone ? 'the server went away' : 'the server had an error'}`
}

/** The line below an answer while its prompt is read; tokens that an earlier request had left in memory do not count. */
function readingOf({ total, cache, processed, time_ms: timeMs }: PromptProgress): string {
  return describeReading({ total: total - cache, processed: processed - cache, timeMs })
}

/** Minimum seconds and tokens after the first one, so that a speed says something. */
const LEAST = { seconds: 0.02, tokens: 2 }

/** Number of tokens so far, and their speed. */
class Pace {
  private tokens = 0
  private atFirst = 0
  private first = 0
  private last = 0

  count(tokens: number): void {
    if (tokens === 0) return
    this.last = performance.now()
    if (this.tokens === 0) {
      this.first = this.last
      this.atFirst = tokens
    }
    this.tokens += tokens
  }

  get counted(): number {
    return this.tokens
  }

  toString(): string {
    if (this.tokens === 0) return ''
    const [seconds, later] = [(this.last - this.first) / 1000, this.tokens - this.atFirst]
    const isKnown = seconds >= LEAST.seconds && later >= LEAST.tokens
    return `${plural(this.tokens, 'token')}${isKnown ? `, ${Math.round(later / seconds)} per second` : ''}`
  }
}
