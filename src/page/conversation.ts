import type { AnswerChunk, Api, Message, Sampling } from './api.js'
import { Batches } from './batches.js'
import type { ExpertsPanel } from './experts-panel.js'
import { Pace } from './pace.js'
import { type Piece, Pieces, piecesOf } from './pieces.js'
import type { PageModel, RoutedToken } from './routes.js'
import { Turn } from './turn.js'

/** A question and its answer, which may be empty. */
interface Exchange {
  question: Turn
  answer: Turn
}

/** Whether question and answer stay in the conversation, and the error if one occurred. */
export interface Outcome {
  isKept: boolean
  error?: string
}

/** The view follows new text while it is at most this many pixels from the end. */
const NEAR = 40

/** The conversation. The server keeps nothing of it, so each request has all of it. */
export class Conversation {
  private exchanges: readonly Exchange[] = []
  private running?: AbortController

  constructor(
    private readonly api: Api,
    private readonly model: PageModel,
    private readonly panel: ExpertsPanel,
    private readonly place: HTMLElement,
  ) {}

  get isRunning(): boolean {
    return this.running !== undefined
  }

  /** Stops the running answer. */
  stop(): void {
    this.running?.abort()
  }

  /** Starts a new conversation. */
  clear(): void {
    this.stop()
    this.exchanges = []
    this.place.replaceChildren()
    this.panel.reset()
  }

  /**
   * Asks, and shows the answer as it comes. Takes the question back if no answer came, because the server refused or the
   * user stopped it.
   */
  async ask(text: string, system: string, sampling: Sampling): Promise<Outcome> {
    const exchange = { question: new Turn('user', 'You'), answer: new Turn('model', this.model.name) }
    const { question, answer } = exchange
    const before = this.exchanges
    const running = new AbortController()
    this.running = running
    question.write(text)
    answer.isBusy = true
    this.place.append(question.element, answer.element)
    this.place.scrollTop = this.place.scrollHeight
    let error: string | undefined
    try {
      await this.show(this.request(before, text, system, sampling, running.signal), exchange)
    } catch (thrown) {
      if (running.signal.aborted) answer.note('stopped')
      else error = (thrown as Error).message
    }
    answer.isBusy = false
    this.running = undefined
    // The conversation may have been cleared meanwhile.
    const isKept = this.exchanges === before && answer.text !== ''
    if (isKept) this.exchanges = [...before, exchange]
    else for (const { element } of [question, answer]) element.remove()
    return { isKept, error }
  }

  private request(before: readonly Exchange[], text: string, system: string, sampling: Sampling, signal: AbortSignal) {
    const said = before.flatMap(({ question, answer }) => [question.text, answer.text])
    if (!this.model.isChat) return this.api.complete(this.model.name, [...said, text].join(''), sampling, signal)
    const messages: Message[] = [...said, text].map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }))
    if (system) messages.unshift({ role: 'system', content: system })
    return this.api.chat(this.model.name, messages, sampling, signal)
  }

  private async show(chunks: AsyncIterable<AnswerChunk>, { question, answer }: Exchange): Promise<void> {
    const pieces = new Pieces()
    const pace = new Pace()
    let end = ''
    const batches = new Batches<Piece>((certain) => {
      const isFollowed = this.place.scrollTop + this.place.clientHeight > this.place.scrollHeight - NEAR
      for (const piece of certain) answer.add(piece)
      answer.note(`${pace}${end}`)
      if (isFollowed) this.place.scrollTop = this.place.scrollHeight
      this.panel.drawSoon(answer.newest)
    })
    try {
      for await (const { text, tokens, prompt, finishReason } of chunks) {
        if (prompt) this.showTokens(question, prompt)
        const numbered = tokens.map((token) => ({ text: token.text, token: this.panel.add(token, true) }))
        pace.count(tokens.length)
        if (finishReason === 'length') end = ', the limit'
        await batches.add(pieces.add(text, numbered))
      }
      if (pace.isEmpty) end = 'the server reports no experts for a conversation this long'
    } finally {
      await batches.add(pieces.end())
      batches.flush()
    }
  }

  /** Replaces the question's text by its tokens, if the prompt has it unchanged. */
  private showTokens(question: Turn, prompt: readonly RoutedToken[]): void {
    const places = prompt.map(({ text }, token) => ({ text, token }))
    const pieces = piecesOf(question.text, places) ?? piecesOf(question.text.trim(), places)
    if (pieces)
      question.replace(pieces.map(({ text, token }) => ({ text, token: this.panel.add(prompt[token], false) })))
  }
}
