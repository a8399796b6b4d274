import { randomUUID } from 'node:crypto'
import type { Hono } from 'hono'
import { refused } from '../common/api-error.js'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { type Reply, respond } from '../http/respond.js'
import type { AnswerPiece } from '../run/choice.js'
import type { ScoredToken } from '../run/read-prompt.js'
import { routesOf } from './asked.js'
import { type BegunChat, beginChat } from './begin.js'
import { ChatAnswer, type Delta, type PlacedToken } from './chat-answer.js'
import { type ChatBody, chatBody, chatNulls } from './fields.js'
import { chatLogprobs } from './logprobs.js'
import { promptProgress } from './prompt-progress.js'

/** `POST /v1/chat/completions`: the next message of a conversation, framed by the model's chat template. */
export function chatRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/chat/completions', async (c) => {
    const body = await readBody(c, chatBody, context, chatNulls)
    return respond(c, context, body.stream, async (ticket) => {
      checkTogether(body)
      return new ChatCompletion(context, body, await beginChat(context, body, { ticket }))
    })
  })
}

interface Choice {
  index: number
  message: ChatAnswer['message']
  logprobs: ReturnType<typeof chatLogprobs> | null
  finish_reason: ReturnType<ChatAnswer['finish']> | null
  routed_experts?: PlacedToken[]
  prompt_routed_experts?: NonNullable<AnswerPiece['promptRouted']>
}

class ChatCompletion implements Reply {
  private readonly head: { id: string; created: number; model: string }
  /** Tokens of thoughts in finished answers. */
  private thoughtTokens = 0

  constructor(
    private readonly context: ServerContext,
    private readonly body: ChatBody,
    readonly begun: BegunChat,
  ) {
    this.head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: context.id }
  }

  async whole() {
    const answers = this.indexes.map(() => new ChatAnswer(this.begun.prompt.reading))
    const choices = answers.map(({ message }, index): Choice => {
      const { routes, promptRoutes } = routesOf(this.body)
      const experts = { ...(routes && { routed_experts: [] }), ...(promptRoutes && { prompt_routed_experts: [] }) }
      return { index, message, logprobs: this.logprobs([]), finish_reason: null, ...experts }
    })
    for await (const piece of this.begun.choices.pieces()) {
      const choice = choices[piece.index]
      const answer = answers[piece.index]
      const { routed = [] } = answer.add(piece)
      choice.logprobs?.content.push(...(this.logprobs(piece.tokens)?.content ?? []))
      choice.routed_experts?.push(...routed)
      choice.prompt_routed_experts?.push(...(piece.promptRouted ?? []))
      if (!piece.finishReason) continue
      choice.message = answer.message
      choice.finish_reason = answer.finish(piece.finishReason)
      this.thoughtTokens += answer.thoughtTokens
    }
    return { ...this.head, object: 'chat.completion', choices, usage: this.usage, ...this.notes }
  }

  async *chunks(): AsyncGenerator<object> {
    const withUsage = this.body.stream_options?.include_usage
    const head = { ...this.head, object: 'chat.completion.chunk' }
    const usage = withUsage ? { usage: null } : {}
    for (const index of this.indexes) {
      const delta = { role: 'assistant', content: '', refusal: null }
      const choices = [{ index, delta, logprobs: null, finish_reason: null }]
      yield { ...head, choices, ...usage, ...(index === 0 && this.notes) }
    }
    /** Answers in progress; finished ones need no memory. */
    const answers = new Map<number, ChatAnswer>()
    for await (const piece of this.begun.choices.pieces()) {
      if (piece.progress) {
        const choices = [{ index: piece.index, delta: {}, logprobs: null, finish_reason: null }]
        yield { ...head, choices, ...promptProgress(piece.progress), ...usage }
        continue
      }
      const answer = answers.get(piece.index) ?? new ChatAnswer(this.begun.prompt.reading)
      answers.set(piece.index, answer)
      for (const choice of this.choicesOf(piece, answer)) yield { ...head, choices: [choice], ...usage }
      if (!piece.finishReason) continue
      answers.delete(piece.index)
      this.thoughtTokens += answer.thoughtTokens
    }
    if (withUsage) yield { ...head, choices: [], usage: this.usage }
  }

  /**
   * Chunks of a piece: one for each part of the message, none if its text is held back, and one for the end of a choice.
   * The first has what is known about the tokens.
   */
  private *choicesOf(piece: AnswerPiece, answer: ChatAnswer) {
    const { index, tokens, promptRouted, finishReason } = piece
    const { deltas, routed } = answer.add(piece)
    const logprobs = tokens.length > 0 ? this.logprobs(tokens) : null
    const experts = {
      ...(routed && { routed_experts: routed }),
      ...(promptRouted && { prompt_routed_experts: promptRouted }),
    }
    const isTold = logprobs !== null || routed !== undefined || promptRouted !== undefined
    const parts: Delta[] = deltas.length === 0 && isTold ? [{}] : deltas
    for (const [i, delta] of parts.entries()) {
      yield { index, delta, logprobs: i === 0 ? logprobs : null, finish_reason: null, ...(i === 0 && experts) }
    }
    if (finishReason) yield { index, delta: {}, logprobs: null, finish_reason: answer.finish(finishReason) }
  }

  private get indexes(): number[] {
    return Array.from({ length: this.body.n ?? 1 }, (_, index) => index)
  }

  private get usage() {
    const { completion_tokens_details, ...usage } = this.begun.choices.usage
    return {
      ...usage,
      completion_tokens_details: { reasoning_tokens: this.thoughtTokens, ...completion_tokens_details },
    }
  }

  private get notes(): { notes?: string[] } {
    const { notes } = this.begun.prompt
    return notes.length > 0 ? { notes } : {}
  }

  private logprobs(scored: readonly ScoredToken[]) {
    return this.body.logprobs ? chatLogprobs(scored, this.context.model.tokenizer) : null
  }
}

function checkTogether({ logprobs, top_logprobs, max_tokens, max_completion_tokens }: ChatBody): void {
  if (top_logprobs && !logprobs) {
    throw refused('top_logprobs', '"top_logprobs" requires "logprobs": true')
  }
  if (max_tokens !== undefined && max_completion_tokens !== undefined && max_tokens !== max_completion_tokens) {
    throw refused('max_tokens', '"max_tokens" and "max_completion_tokens" are the same option; send one of them')
  }
}
