import { awakeIn, awakeSentence, type ExpertPlace } from '../experts/awake.js'
import type { AnswerChunk, Api, Asked, Message, Sampling } from './api.js'
import { Batches } from './batches.js'
import type { ExpertsPanel } from './experts-panel.js'
import { GrowingText } from './growing-text.js'
import { Pace } from './pace.js'
import { type Piece, Pieces, piecesOf } from './pieces.js'
import type { PageModel, RoutedToken } from './routes.js'
import { ScrolledEnd } from './scrolled-end.js'
import type { TextColouring } from './text-colouring.js'
import { Turn } from './turn.js'
import { WithoutExpert } from './without-expert.js'

/** A question and its answer, which may be empty. */
interface Exchange {
  question: Turn
  answer: Turn
  asked: Asked
  /** Whether the answer has come to its end. */
  isComplete: boolean
}

/** Whether question and answer stay in the conversation, and the error if one occurred. */
export interface Outcome {
  isKept: boolean
  error?: string
}

/** How a message is to be answered. */
export interface AskOptions extends Sampling {
  /** The system prompt; empty for none. */
  system: string
  /** Experts that no token may use. */
  mask: readonly string[]
}

/** The conversation. The server keeps nothing of it, so each request has all of it. */
export class Conversation {
  private exchanges: readonly Exchange[] = []
  private running?: AbortController
  private readonly end: ScrolledEnd

  constructor(
    private readonly api: Api,
    private readonly model: PageModel,
    private readonly panel: ExpertsPanel,
    private readonly colouring: TextColouring,
    private readonly place: HTMLElement,
  ) {
    this.end = new ScrolledEnd(place)
    colouring.reset(panel.shown)
  }

  get isRunning(): boolean {
    return this.running !== undefined
  }

  /** Whether there is a question to answer again. */
  get hasQuestion(): boolean {
    return this.exchanges.length > 0
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
    this.colouring.reset(this.panel.shown)
  }

  /**
   * Asks, and shows the answer as it comes. Takes the question back if no answer came, because the server refused or the
   * user stopped it.
   */
  async ask(text: string, options: AskOptions): Promise<Outcome> {
    const before = this.exchanges
    const answer = new Turn('model', this.model.name)
    const asked = this.askedFor(before, text, options)
    const exchange: Exchange = { question: new Turn('user', 'You'), answer, asked, isComplete: false }
    const { question } = exchange
    question.write(text)
    answer.isBusy = true
    this.place.append(question.element, answer.element)
    const error = await this.run(async (signal) => {
      await this.show(this.api.answer(this.model.name, asked, signal), exchange)
      exchange.isComplete = true
    })
    answer.isBusy = false
    if (error === 'stopped') answer.note('stopped')
    // The conversation may have been cleared meanwhile.
    const isKept = this.exchanges === before && answer.text !== ''
    if (isKept) this.exchanges = [...before, exchange]
    else for (const { element } of [question, answer]) element.remove()
    return { isKept, error: error === 'stopped' ? undefined : error }
  }

  /**
   * Answers the last question again with and without an expert, below its answer, while those of `mask` are off. Resolves
   * with the error if one occurred.
   */
  async askWithout(place: ExpertPlace, mask: readonly string[]): Promise<string | undefined> {
    const last = this.exchanges.at(-1)
    if (!last || this.isRunning) return undefined
    const compared = new WithoutExpert(this.api, this.model.name, place)
    this.place.append(compared.element)
    const { asked, answer, isComplete } = last
    const error = await this.run((signal) => compared.run({ asked, text: answer.text, isComplete }, mask, signal))
    if (error !== undefined) compared.element.remove()
    return error === 'stopped' ? undefined : error
  }

  /** Runs a request that Stop ends. Returns `stopped` or the error. */
  private async run(request: (signal: AbortSignal) => Promise<void>): Promise<string | undefined> {
    const running = new AbortController()
    this.running = running
    this.end.go()
    try {
      await request(running.signal)
      return undefined
    } catch (thrown) {
      return running.signal.aborted ? 'stopped' : (thrown as Error).message
    } finally {
      if (this.running === running) this.running = undefined
    }
  }

  private askedFor(before: readonly Exchange[], text: string, { system, mask, ...sampling }: AskOptions): Asked {
    const said = before.flatMap(({ question, answer }) => [question.text, answer.text])
    const options = { ...sampling, ...(mask.length > 0 && { mask }) }
    if (!this.model.isChat) return { ...options, prompt: [...said, text].join('') }
    const messages: Message[] = [...said, text].map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }))
    if (system) messages.unshift({ role: 'system', content: system })
    return { ...options, messages }
  }

  private async show(chunks: AsyncIterable<AnswerChunk>, { question, answer }: Exchange): Promise<void> {
    const pieces = new Pieces()
    const pace = new Pace()
    const text = new GrowingText('answer', this.model)
    let end = ''
    const batches = new Batches<Piece>((certain) => {
      for (const piece of certain) answer.add(piece)
      answer.note(`${pace}${end}`)
      this.colouring.paint()
      this.panel.drawSoon(answer.newest)
    })
    try {
      for await (const chunk of chunks) {
        if (chunk.prompt) this.showTokens(question, chunk.prompt)
        const numbered = chunk.tokens.map((token, i) => {
          return { text: token.text, token: this.panel.count(token, text, chunk.logprobs[i]) }
        })
        pace.count(numbered.length)
        if (chunk.finishReason === 'length') end = ', the limit'
        await batches.add(pieces.add(chunk.text, numbered))
      }
      if (pace.isEmpty) end = 'the server reports no experts for a conversation this long'
    } finally {
      if (text.usage.tokens > 0) end += `; ${threeNumbers(text)}`
      await batches.add(pieces.end())
      batches.flush()
      this.panel.rest()
      this.colouring.paint(true)
    }
  }

  /** Replaces the question's text by its tokens, if the prompt has it unchanged. */
  private showTokens(question: Turn, prompt: readonly RoutedToken[]): void {
    const places = prompt.map(({ text }, token) => ({ text, token }))
    const pieces = piecesOf(question.text, places) ?? piecesOf(question.text.trim(), places)
    if (pieces) question.replace(pieces.map(({ text, token }) => ({ text, token: this.panel.add(prompt[token]) })))
  }
}

/** The experts of an answer in numbers: `164 of 192 experts woke; 41 of them did half of the work; 28 slept`. */
function threeNumbers({ usage }: GrowingText): string {
  return `${awakeSentence(usage)}; ${awakeIn(usage).slept.toLocaleString('en-US')} slept`
}
