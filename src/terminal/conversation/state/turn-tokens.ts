import type { ModelConfig } from '../../../model/config/config.js'
import type { MappedToken, TokenMap } from '../../map/token-map.js'
import type { ConversationEvent } from '../turns/conversation.js'
import type { ReadAnswers } from '../turns/read-tokens.js'

/** Puts the tokens of turns on the map. Turns that were not read here are added later. */
export class TurnTokens {
  /** Tokens of the last answer; undefined if there is no answer, or it has to be read again. */
  latest?: readonly MappedToken[]
  /** Whether answers of the conversation are missing on the map, and no later turn is there. */
  isUnread = false
  private isAnswering = false

  constructor(private readonly map: TokenMap) {}

  /** Begins an empty map, of another model if `shape` is given. The conversation may have answers already. */
  begin(hasAnswers: boolean, shape?: Pick<ModelConfig, 'layers' | 'mixtures'>): void {
    this.map.reset(shape)
    this.latest = undefined
    this.isUnread = hasAnswers
  }

  /** A new question follows. */
  ask(): void {
    this.latest = undefined
    this.isUnread = false
  }

  /** The question with this index is answered again. */
  retry(question: number): void {
    this.cutFrom(({ turn, isQuestion }) => turn === question && !isQuestion)
  }

  /** The question with this index is taken back. */
  undo(question: number): void {
    this.cutFrom(({ turn }) => turn >= question)
  }

  private cutFrom(isFirst: (token: MappedToken) => boolean): void {
    const first = this.map.tokens.findIndex(isFirst)
    this.map.cutFrom(first < 0 ? this.map.tokens.length : first)
    this.latest = undefined
  }

  beginAnswer(): void {
    this.map.beginAnswer()
    this.isAnswering = true
  }

  /** Follows an answer to the question with this index by its events. */
  add(event: ConversationEvent, question: number, textOf: (token: number) => string): void {
    const { map, isAnswering } = this
    map.turn = question
    if (event.kind === 'prompt' && !isAnswering) this.beginAnswer()
    else if (event.kind === 'failed' && isAnswering) map.dropAnswer()
    else if (event.kind === 'read') {
      map.read(
        event.tokens.map((id) => ({ id, text: textOf(id) })),
        event.routes,
      )
    } else if (event.kind === 'token') {
      const { token: id, logprob, routes } = event.step
      if (routes) map.add({ id, text: textOf(id), routes, logprob })
    } else if (event.kind === 'answer') {
      const { answer } = event
      this.isAnswering = false
      if (isAnswering) map.endAnswer(answer.tokens)
      if (answer.hadEnded) map.dropAnswer()
      else this.answered(isAnswering ? map.tokens.slice(map.answerStart) : [], answer.continues)
    }
  }

  private answered(tokens: readonly MappedToken[], continues = false): void {
    this.latest = continues ? this.latest && [...this.latest, ...tokens] : tokens
  }

  /** An answer failed; `last` was the last token of the map before. */
  failed(last: MappedToken | undefined, hasAnswers: boolean): void {
    const { map } = this
    this.isAnswering = false
    map.cutFrom(last ? map.tokens.lastIndexOf(last) + 1 : 0)
    this.isUnread = hasAnswers && map.tokens.length === 0
  }

  fill(read: ReadAnswers, textOf: (token: number) => string): void {
    const { map } = this
    const { ids, answers, from, routesOf, logprobOf } = read
    this.begin(false)
    const tokensIn = (first: number, end: number) => {
      return Array.from({ length: Math.max(0, end - first) }, (_, i) => {
        const id = ids[first + i]
        return { id, text: textOf(id), logprob: logprobOf(first + i), routes: routesOf(first + i) }
      })
    }
    let end = from
    for (const [i, answer] of answers.entries()) {
      map.turn = answer.question
      map.beginAnswer()
      for (const { id, text, routes } of tokensIn(end, answer.from)) map.read([{ id, text }], routes)
      for (const token of tokensIn(Math.max(from, answer.from), answer.to)) map.add(token)
      this.answered(map.tokens.slice(map.answerStart), answer.question === answers[i - 1]?.question)
      end = answer.to
    }
    map.settle()
  }
}
