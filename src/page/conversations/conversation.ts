import { Answer } from '../answers/answer.js'
import { AnswerStream } from '../answers/answer-stream.js'
import { Exchange } from '../answers/exchange.js'
import type { Compared, KeptBody } from '../answers/kept-form.js'
import { promptOf, showAgain } from '../answers/read-again.js'
import { answerWithout } from '../answers/without-expert.js'
import type { ExpertsPanel } from '../experts/experts-panel.js'
import { type ChangedExpert, specOf } from '../experts/places.js'
import type { TextColouring } from '../experts/text-colouring.js'
import type { Api, Asked, Message, Sampling, Sending } from '../requests/api.js'
import { ServerGone } from '../requests/events.js'
import { Branches } from './branches.js'
import type { Models } from './models.js'
import type { PageStore } from './page-state.js'

/** How an answer ended that was stopped before its first token. */
const READING = 'stopped while reading'

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

/** Parts of the page that the conversation uses. */
interface ConversationParts {
  api: Api
  models: Models
  panel: ExpertsPanel
  colouring: TextColouring
  store: PageStore
  id: () => string
  /** The conversation has changed: a question, the end of an answer, another branch. */
  changed: () => void
}

/** The conversation. The server keeps nothing of it, so each request has all of it. */
export class Conversation {
  private tree = new Branches<Exchange>()
  private running?: AbortController
  private readonly stream: AnswerStream

  constructor(private readonly parts: ConversationParts) {
    const { models, panel, colouring, store } = parts
    this.stream = new AnswerStream({
      panel,
      colouring,
      model: () => store.state.model,
      watch: (show) => models.watch(show),
      changed: () => store.set(),
    })
    colouring.reset(panel.shown)
  }

  get isRunning(): boolean {
    return this.running !== undefined
  }

  /** Whether there is a question to answer again. */
  get hasQuestion(): boolean {
    return this.tree.last >= 0
  }

  get isEditing(): boolean {
    return this.tree.path.some(({ draft }) => draft !== undefined)
  }

  /** Everything to keep, in all branches. */
  kept(settings: Record<string, string>): KeptBody {
    const exchanges = this.tree.all.map(({ value, parent }) => value.kept(parent))
    return { exchanges, last: this.tree.last, settings }
  }

  /** Shows a kept conversation in place of this one. */
  load({ exchanges, last }: KeptBody): void {
    this.empty()
    for (const kept of exchanges) {
      this.tree.endAt(kept.parent)
      this.tree.append(Exchange.from(kept, this.tree.path.at(-1)?.answer))
    }
    this.tree.endAt(last)
    this.show(true)
  }

  /** Forgets the experts of all tokens, because another model chose them. */
  forgetExperts(): void {
    const edited = this.tree.path.findIndex(({ draft }) => draft !== undefined)
    const draft = this.tree.path[edited]?.draft
    this.load(this.kept({}))
    if (draft !== undefined) this.tree.path[edited].draft = draft
  }

  /** Stops the running answer. */
  stop(): void {
    this.running?.abort()
  }

  /** Starts a new conversation. */
  clear(): void {
    this.empty()
    this.show()
  }

  /**
   * Asks with a question or the results of calls, and shows the answer as it comes. Takes the messages back if no answer
   * came, because the server refused or the user stopped it.
   */
  async ask(messages: readonly Message[], options: AskOptions): Promise<Outcome> {
    const { tree } = this
    const before = tree.path
    const request = this.requestAfter(before, messages, options)
    const isJson = options.response_format !== undefined
    const { name, isChat } = this.parts.store.state.model
    const answer = new Answer(name, isJson, isChat && !isJson)
    const exchange = new Exchange(messages, answer, before.at(-1)?.answer.calls ?? [])
    exchange.request = request
    tree.append(exchange)
    const error = await this.answer(exchange, request)
    // If the user has opened another conversation meanwhile, this one stays as it was.
    const isKept = this.tree !== tree || !answer.isEmpty
    if (!isKept) tree.takeBack(exchange)
    this.changed(tree)
    return { isKept, error }
  }

  /** Asks in the place of an exchange, which stays as another branch: again, or with a changed question. */
  async askInstead(exchange: Exchange, messages: readonly Message[], options: AskOptions): Promise<Outcome> {
    const { tree } = this
    const { last } = tree
    tree.endBefore(exchange)
    const outcome = await this.ask(messages, options)
    if (outcome.isKept || this.tree !== tree) return outcome
    tree.endAt(last)
    this.changed(tree)
    return outcome
  }

  /** Continues the last answer, which was cut. */
  async resume(exchange: Exchange, options: AskOptions): Promise<Outcome> {
    const { tree } = this
    const request = this.requestAfter(tree.path.slice(0, -1), exchange.messages(true), options)
    const error = await this.answer(exchange, request)
    this.changed(tree)
    return { isKept: true, error }
  }

  /**
   * Answers the last question again before and after a change of an expert, below its answer, while the mask holds.
   * `isKept` is false if the server refused.
   */
  async askWithout(place: ChangedExpert, options: AskOptions): Promise<Outcome> {
    const { tree } = this
    const { path } = tree
    const last = path.at(-1)
    if (!last) return { isKept: true }
    const request = last.request ?? this.requestAfter(path.slice(0, -1), last.said, options)
    const known = {
      request,
      text: last.answer.text,
      isComplete: last.request !== undefined && last.answer.end !== 'cut',
    }
    const { api, store } = this.parts
    const { mask } = options
    store.set({ comparing: { expert: specOf(place), before: '', after: '', hasOthers: mask.length > 0 } })
    const error = await this.run(async (signal) => {
      const show = (comparing: Compared) => store.set({ comparing })
      last.compared.push(await answerWithout(place, known, { api, mask, sending: this.sending(signal), show }))
    })
    store.set({ comparing: undefined })
    this.changed(tree)
    return { isKept: error === undefined || error === 'stopped', error: error === 'stopped' ? undefined : error }
  }

  /** Finds the experts that matter to an answer, or to the token with this number on the page. */
  async findMatters(exchange: Exchange, token?: number): Promise<Outcome> {
    const { tree } = this
    const { api, panel, store } = this.parts
    const place = panel.placeOfAnswer(exchange.answer.body.element, token)
    if (!place) return { isKept: true }
    const error = await this.run(async (signal) => {
      exchange.matters = await api.matters(store.state.model.name, place, signal)
    })
    this.changed(tree, true)
    return { isKept: true, error: error === 'stopped' ? undefined : error }
  }

  /** Reads the conversation again, so that answers of an earlier visit show their experts. */
  async readAgain(options: AskOptions): Promise<Outcome> {
    const { tree } = this
    const { path } = tree
    const { api, store, panel } = this.parts
    const request = {
      ...this.requestAfter(path, [], options),
      max_tokens: 1,
      response_format: undefined,
      tools: undefined,
    }
    const error = await this.run(async (signal) => {
      const prompt = await promptOf(api.answer(request, this.sending(signal)))
      if (this.tree === tree) showAgain(path, prompt, { panel, model: store.state.model, mask: request.mask })
    })
    panel.rest()
    this.parts.colouring.paint(true)
    this.changed(tree)
    return { isKept: true, error: error === 'stopped' ? undefined : error }
  }

  /** Shows the branch before or after the one of an exchange, in the order they were added. */
  choose(exchange: Exchange, step: -1 | 1): void {
    const { tree } = this
    const branches = tree.besides(exchange)
    const chosen = branches[branches.indexOf(exchange) + step]
    if (!chosen || this.isRunning) return
    chosen.step = step
    tree.choose(chosen)
    this.changed(tree)
  }

  /** Shows what comes for an answer until its end. Returns the error if one occurred. */
  private async answer(exchange: Exchange, request: Asked): Promise<Error | undefined> {
    const { tree, parts } = this
    const { answer } = exchange
    const { text } = answer.body
    answer.isBusy = true
    answer.end = 'cut'
    const error = await this.run((signal) =>
      this.stream.show(parts.api.answer(request, this.sending(signal)), exchange, { mask: request.mask, signal }),
    )
    answer.isBusy = false
    const hasGrown = answer.body.text !== text || (text === '' && !answer.isEmpty)
    if (error !== 'stopped') return error instanceof ServerGone && !hasGrown ? new ServerGone(READING) : error
    if (hasGrown) return undefined
    answer.note = READING
    // The question returns to the field, unless the user has opened another conversation.
    return answer.isEmpty && this.tree === tree ? new Error(READING) : undefined
  }

  private sending(signal: AbortSignal): Sending {
    return { model: this.parts.store.state.model.name, conversation: this.parts.id(), signal }
  }

  /** Runs a request that Stop ends. Returns `stopped` or the error. */
  private async run(request: (signal: AbortSignal) => Promise<void>): Promise<'stopped' | Error | undefined> {
    const running = new AbortController()
    this.running = running
    this.changed(this.tree, true)
    try {
      await request(running.signal)
      return undefined
    } catch (thrown) {
      return running.signal.aborted ? 'stopped' : (thrown as Error)
    } finally {
      if (this.running === running) this.running = undefined
      this.parts.store.set({ isRunning: this.isRunning })
    }
  }

  /** A request with earlier exchanges. If results of calls follow, the model continues the thoughts before the calls. */
  private requestAfter(
    before: readonly Exchange[],
    added: readonly Message[],
    { system, mask, ...sampling }: AskOptions,
  ): Asked {
    const isQuestion = added[0]?.role !== 'tool'
    const first = isQuestion ? before.length : before.findLastIndex((exchange) => exchange.isQuestion)
    const messages = [...before.flatMap((exchange, i) => exchange.messages(i >= first)), ...added]
    const options = { ...sampling, ...(mask.length > 0 && { mask }) }
    if (!this.parts.store.state.model.isChat) {
      return { ...options, prompt: messages.map(({ content }) => content).join('') }
    }
    return { ...options, messages: system ? [{ role: 'system', content: system }, ...messages] : messages }
  }

  /** Forgets all exchanges. */
  private empty(): void {
    const { panel, colouring } = this.parts
    this.stop()
    this.tree = new Branches()
    panel.reset()
    colouring.reset(panel.shown)
  }

  private changed(tree: Branches<Exchange>, isAtEnd = false): void {
    // Another conversation may have been opened meanwhile.
    if (this.tree !== tree) return
    this.show(isAtEnd)
    this.parts.changed()
  }

  /** Shows the branch, or its end. */
  private show(isAtEnd = false): void {
    const { store } = this.parts
    const path = this.tree.path.map((exchange) => {
      const all = this.tree.besides(exchange)
      return { exchange, branch: all.indexOf(exchange) + 1, branches: all.length }
    })
    store.set({ path, isRunning: this.isRunning, jumps: store.state.jumps + Number(isAtEnd) })
  }
}
