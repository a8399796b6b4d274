import type { LayerRoutes } from '../../../api/routes.js'
import type { ModelConfig } from '../../../model/config/config.js'
import type { MappedToken, TokenMap } from '../../map/token-map.js'
import type { ConversationEvent } from '../turns/conversation.js'
import type { ReadAnswers } from '../turns/read-tokens.js'

export interface AnswerToken {
  id: number
  text: string
  /** Natural logarithm of its probability under the model. */
  logprob: number
  /** Experts that it woke when it was read; absent if the model had no position left to read it. */
  routes?: LayerRoutes[]
}

/** Last tokens of the map before the parts of a turn; undefined if the map had none. */
interface Marks {
  question?: MappedToken
  answer?: MappedToken
}

/** Puts the tokens of turns on the map, by the index of the question. Turns that were not read here are added later. */
export class TurnTokens {
  private readonly marks = new Map<number, Marks>()
  /** Tokens of the last answer; undefined if there is no answer, or it has to be read again. */
  latest?: readonly AnswerToken[]
  /** Whether answers of the conversation are missing on the map, and no later turn is there. */
  isUnread = false
  /** Tokens of the running answer; absent when none runs. */
  private running?: AnswerToken[]

  constructor(private readonly map: TokenMap) {}

  /** Begins an empty map, of another model if `shape` is given. The conversation may have answers already. */
  begin(hasAnswers: boolean, shape?: Pick<ModelConfig, 'layers' | 'mixtures'>): void {
    this.map.reset(shape)
    this.marks.clear()
    this.latest = undefined
    this.isUnread = hasAnswers
  }

  ask(question: number): void {
    this.marks.set(question, { question: this.map.tokens.at(-1) })
    this.latest = undefined
    this.isUnread = false
  }

  retry(question: number): void {
    const marks = this.marks.get(question)
    this.map.cutAfter(marks?.answer)
    delete marks?.answer
    this.latest = undefined
  }

  beginAnswer(): void {
    this.map.beginAnswer()
    this.running = []
  }

  /** Follows an answer to a question by its events. */
  add(event: ConversationEvent, question: number, textOf: (token: number) => string): void {
    const { map } = this
    if (event.kind === 'prompt' && !this.running) this.beginAnswer()
    else if (event.kind === 'read') map.read(event.tokens.map(textOf), event.routes)
    else if (event.kind === 'token') {
      const { token: id, logprob, routes } = event.step
      const text = textOf(id)
      this.running?.push({ id, text, logprob, routes })
      if (routes) map.add(text, routes, logprob)
    } else if (event.kind === 'failed' && this.running) map.dropAnswer()
    else if (event.kind === 'answer') {
      const { answer } = event
      const tokens = this.running?.slice(0, answer.tokens) ?? []
      if (this.running) map.endAnswer(answer.tokens)
      this.running = undefined
      if (answer.hadEnded) map.dropAnswer()
      else this.answered(question, tokens, answer)
    }
  }

  /** The newest tokens answer a question. */
  private answered(question: number, tokens: readonly AnswerToken[], { continues = false } = {}): void {
    const marks = this.marks.get(question)
    if (marks && !('answer' in marks)) marks.answer = this.map.tokens[this.map.answerStart - 1]
    this.latest = continues ? this.latest && [...this.latest, ...tokens] : tokens
  }

  /** An answer failed; `last` was the last token of the map before. */
  failed(last: MappedToken | undefined, hasAnswers: boolean): void {
    this.running = undefined
    this.map.cutAfter(last)
    this.isUnread = hasAnswers && this.map.tokens.length === 0
  }

  undo(question: number): void {
    this.map.cutAfter(this.marks.get(question)?.question)
    this.marks.delete(question)
    this.latest = undefined
  }

  fill(read: ReadAnswers, textOf: (token: number) => string): void {
    const { ids, answers, from, routesOf, logprobOf } = read
    this.begin(false)
    const tokensIn = (first: number, end: number) => {
      return Array.from({ length: Math.max(0, end - first) }, (_, i) => {
        const token = first + i
        return { id: ids[token], text: textOf(ids[token]), logprob: logprobOf(token), routes: routesOf(token) }
      })
    }
    let end = from
    let earlier: number | undefined
    for (const answer of answers) {
      const continues = answer.question === earlier
      this.map.beginAnswer()
      if (!continues) this.ask(answer.question)
      for (const { text, routes } of tokensIn(end, answer.from)) this.map.read([text], routes)
      const tokens = tokensIn(Math.max(from, answer.from), answer.to)
      for (const { text, routes, logprob } of tokens) this.map.add(text, routes, logprob)
      this.answered(answer.question, tokens, { continues })
      earlier = answer.question
      end = answer.to
    }
    this.map.settle()
  }
}
