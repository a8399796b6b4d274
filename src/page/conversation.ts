import type { ExpertPlace } from '../experts/awake.js'
import { Answer } from './answer.js'
import { AnswerStream } from './answer-stream.js'
import type { Api, Asked, Message, Sampling } from './api.js'
import type { ExpertsPanel } from './experts-panel.js'
import { ResultsForm } from './results-form.js'
import type { PageModel } from './routes.js'
import { ScrolledEnd } from './scrolled-end.js'
import type { TextColouring } from './text-colouring.js'
import { Turn } from './turn.js'
import { WithoutExpert } from './without-expert.js'

/** A question, or the results of calls, and the answer. */
interface Exchange {
  said: readonly Message[]
  /** A turn per message. */
  turns: readonly Turn[]
  answer: Answer
  asked: Asked
  /** Whether the answer has come to its end. */
  isComplete: boolean
  /** Fields for the results of the answer's calls. */
  results?: ResultsForm
}

/** Whether question and answer stay in the conversation, and the error if one occurred. */
export interface Outcome {
  isKept: boolean
  error?: Error
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
  private readonly stream: AnswerStream

  /** `give` is called with the results of an answer's calls, to `ask` with them. */
  constructor(
    private readonly api: Api,
    private readonly model: PageModel,
    private readonly panel: ExpertsPanel,
    private readonly colouring: TextColouring,
    private readonly place: HTMLElement,
    private readonly give: (results: Message[]) => void,
  ) {
    this.end = new ScrolledEnd(place)
    this.stream = new AnswerStream(model, panel, colouring)
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
   * Asks with a question or the results of calls, and shows the answer as it comes. Takes the messages back if no answer
   * came, because the server refused or the user stopped it.
   */
  async ask(said: readonly Message[], options: AskOptions): Promise<Outcome> {
    const before = this.exchanges
    const last = before.at(-1)
    const asked = this.askedFor(before, said, options)
    const answer = new Answer(this.model.name, options.response_format !== undefined)
    const turns = said.map((message) => turnOf(message, last?.answer))
    const exchange: Exchange = { said, turns, answer, asked, isComplete: false }
    answer.isBusy = true
    this.place.append(...turns.map(({ element }) => element), answer.element)
    if (last?.results) last.results.element.hidden = true
    const error = await this.run(async (signal) => {
      await this.stream.show(this.api.answer(this.model.name, asked, signal), { ...exchange, before: last?.answer })
      exchange.isComplete = true
    })
    if (error === 'stopped') answer.note('stopped')
    // The conversation may have been cleared meanwhile.
    const isKept = this.exchanges === before && !answer.isEmpty
    if (isKept) this.keep(exchange)
    else {
      for (const { element } of [...turns, answer]) element.remove()
      if (last?.results) last.results.element.hidden = false
    }
    return { isKept, error: error === 'stopped' ? undefined : error }
  }

  /**
   * Answers the last question again with and without an expert, below its answer, while those of `mask` are off. Resolves
   * with the error if one occurred.
   */
  async askWithout(place: ExpertPlace, mask: readonly string[]): Promise<Error | undefined> {
    const last = this.exchanges.at(-1)
    if (!last || this.isRunning) return undefined
    const compared = new WithoutExpert(this.api, this.model.name, place)
    this.place.append(compared.element)
    const { asked, answer, isComplete } = last
    const { text } = answer
    const error = await this.run((signal) => compared.run({ asked, text, isComplete }, mask, signal))
    if (error !== undefined) compared.element.remove()
    return error === 'stopped' ? undefined : error
  }

  /** Runs a request that Stop ends. Returns `stopped` or the error. */
  private async run(request: (signal: AbortSignal) => Promise<void>): Promise<'stopped' | Error | undefined> {
    const running = new AbortController()
    this.running = running
    this.end.go()
    try {
      await request(running.signal)
      return undefined
    } catch (thrown) {
      return running.signal.aborted ? 'stopped' : (thrown as Error)
    } finally {
      if (this.running === running) this.running = undefined
    }
  }

  private askedFor(
    before: readonly Exchange[],
    said: readonly Message[],
    { system, mask, ...sampling }: AskOptions,
  ): Asked {
    const options = { ...sampling, ...(mask.length > 0 && { mask }) }
    // With results of calls, the model continues the thoughts that led to the calls.
    const isQuestion = (messages: readonly Message[]) => messages[0].role === 'user'
    const asking = isQuestion(said) ? before.length : before.findLastIndex((exchange) => isQuestion(exchange.said))
    const earlier = before.flatMap(({ said, answer }, i) => [...said, answer.message(i >= asking)])
    const messages: Message[] = [...earlier, ...said]
    if (!this.model.isChat) return { ...options, prompt: messages.map(({ content }) => content).join('') }
    if (system) messages.unshift({ role: 'system', content: system })
    return { ...options, messages }
  }

  private keep(exchange: Exchange): void {
    this.exchanges = [...this.exchanges, exchange]
    const { answer, isComplete } = exchange
    if (!isComplete || answer.calls.length === 0) return
    exchange.results = new ResultsForm(answer.calls, this.give)
    answer.element.append(exchange.results.element)
  }
}

/** A turn with the text of a message; `asking` is the answer whose calls the results are for. */
function turnOf({ role, content, tool_call_id }: Message, asking?: Answer): Turn {
  const call = asking?.calls.find(({ id }) => id === tool_call_id)
  const turn = role === 'tool' ? new Turn('tool', `Result of ${call?.name}`) : new Turn('user', 'You')
  turn.body.write(content)
  return turn
}
