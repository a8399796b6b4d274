import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import type { Model } from '../../api/model.js'
import { AnswerText } from '../../text/answer-text.js'
import { type ChatFrame, writeChat } from '../../text/chat-frame.js'
import { ApiError } from '../common/api-error.js'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { type Reply, respond } from '../http/respond.js'
import { answerBytes } from '../run/answer-memory.js'
import { Choices, checkSpecs } from '../run/choices.js'
import type { ScoredToken } from '../run/read-prompt.js'
import { requestMask } from '../run/request-mask.js'
import type { Piece } from '../run/run-choice.js'
import type { Ticket } from '../run/ticket.js'
import { encodePrompt } from './encode-prompt.js'
import { optionsOf } from './request-options.js'
import { type ChatBody, chatBody } from './schemas.js'
import { tokenBytes, tokenText } from './token-text.js'

/** `POST /v1/chat/completions`: the next message of a conversation, framed by the model's chat template. */
export function chatRoutes(context: ServerContext): Hono {
  const app = new Hono()
  app.post('/v1/chat/completions', async (c) => {
    const body = await readBody(c, chatBody, context)
    return respond(c, context, body.stream, (ticket) => ChatCompletion.of(context, body, ticket))
  })
  return app
}

/** One request and the response to it. */
class ChatCompletion implements Reply {
  private readonly head: { id: string; created: number; model: string }
  /** Visible text of each choice. */
  private readonly texts: AnswerText[]

  private constructor(
    private readonly context: ServerContext,
    private readonly body: ChatBody,
    frame: ChatFrame,
    readonly choices: Choices,
    readonly bytes: number,
  ) {
    this.head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: context.id }
    this.texts = Array.from({ length: body.n ?? 1 }, () => new AnswerText({ isAnswer: frame.isAnswer, isTurn: true }))
  }

  static async of(context: ServerContext, body: ChatBody, ticket: Ticket): Promise<ChatCompletion> {
    checkTogether(body)
    const { model } = context
    const { signal } = ticket
    const mask = requestMask(body.mask, context)
    const frame = await frameOf(body, model, signal)
    const prompt = await encodePrompt(context, frame.text, { addSpecialTokens: !frame.hasSpecialTokens, signal })
    const stop = [...(model.generationDefaults.stop ?? frame.stop), ...(body.stop ?? [])]
    const maxTokens = body.max_completion_tokens ?? body.max_tokens
    const options = { ...optionsOf(body), maxTokens, stop, logprobs: body.top_logprobs ?? 0 }
    const spec = { prompt, options, scorePrompt: false, routes: body.routed_experts ?? false, mask }
    const n = body.n ?? 1
    checkSpecs([spec], n, context)
    const scores = body.logprobs ? 1 + options.logprobs : 0
    const bytes = answerBytes([spec], { n, scores, isStream: body.stream ?? false }, context)
    return new ChatCompletion(context, body, frame, new Choices(context, [spec], n, ticket), bytes)
  }

  async whole() {
    const choices = this.texts.map((_, index) => ({
      index,
      message: { role: 'assistant', content: '', refusal: null },
      logprobs: this.logprobs([]),
      finish_reason: null as Piece['finishReason'] | null,
      ...(this.body.routed_experts && { routed_experts: [] as unknown[], prompt_routed_experts: [] as unknown[] }),
    }))
    for await (const piece of this.choices.pieces()) {
      const choice = choices[piece.index]
      choice.message.content += this.visible(piece)
      choice.logprobs?.content.push(...(this.logprobs(piece.tokens)?.content ?? []))
      choice.routed_experts?.push(...(piece.routed ?? []))
      choice.prompt_routed_experts?.push(...(piece.promptRouted ?? []))
      if (piece.finishReason) choice.finish_reason = piece.finishReason
    }
    return { ...this.head, object: 'chat.completion', choices, usage: this.choices.usage }
  }

  async *chunks(): AsyncGenerator<object> {
    const withUsage = this.body.stream_options?.include_usage
    const head = { ...this.head, object: 'chat.completion.chunk' }
    const usage = withUsage ? { usage: null } : {}
    for (const index of this.texts.keys()) {
      const delta = { role: 'assistant', content: '', refusal: null }
      yield { ...head, choices: [{ index, delta, logprobs: null, finish_reason: null }], ...usage }
    }
    for await (const piece of this.choices.pieces()) {
      for (const choice of this.choicesOf(piece)) yield { ...head, choices: [choice], ...usage }
    }
    if (withUsage) yield { ...head, choices: [], usage: this.choices.usage }
  }

  /** Chunks of a piece: none if its text is held back, and a chunk of its own for the end of a choice. */
  private *choicesOf(piece: Piece) {
    const { index, tokens, routed, promptRouted, finishReason } = piece
    const content = this.visible(piece)
    const logprobs = tokens.length > 0 ? this.logprobs(tokens) : null
    const experts = {
      ...(routed && { routed_experts: routed }),
      ...(promptRouted && { prompt_routed_experts: promptRouted }),
    }
    if (content !== '' || logprobs || routed || promptRouted) {
      yield { index, delta: content === '' ? {} : { content }, logprobs, finish_reason: null, ...experts }
    }
    if (finishReason) yield { index, delta: {}, logprobs: null, finish_reason: finishReason }
  }

  private visible({ index, text, finishReason }: Piece): string {
    const shown = this.texts[index]
    return shown.add(text) + (finishReason ? shown.end(finishReason === 'length') : '')
  }

  private logprobs(scored: readonly ScoredToken[]) {
    if (!this.body.logprobs) return null
    const { model } = this.context
    const entry = (token: number, logprob: number | null) => {
      return { token: tokenText(token, model.tokenizer), logprob, bytes: tokenBytes(token, model.tokenizer) }
    }
    const content = scored.map(({ token, logprob, top }) => ({
      ...entry(token, logprob),
      top_logprobs: top.map((likely) => entry(likely.token, likely.logprob)),
    }))
    return { content, refusal: null }
  }
}

/** Checks fields that depend on each other. */
function checkTogether({ logprobs, top_logprobs, max_tokens, max_completion_tokens }: ChatBody): void {
  if (top_logprobs && !logprobs) {
    throw new ApiError(400, '"top_logprobs" requires "logprobs": true', { param: 'top_logprobs' })
  }
  if (max_tokens !== undefined && max_completion_tokens !== undefined && max_tokens !== max_completion_tokens) {
    const message = '"max_tokens" and "max_completion_tokens" are the same option; send one of them'
    throw new ApiError(400, message, { param: 'max_tokens' })
  }
}

/** Frames a conversation. Without a template, the system text comes first and without a name, as in the terminal. */
function frameOf({ messages }: ChatBody, { chatTemplate: template }: Model, signal: AbortSignal): Promise<ChatFrame> {
  const [first, ...others] = messages
  const isSystem = first.role === 'system' && others.length > 0
  const system = isSystem ? first.content : ''
  return writeChat(isSystem ? others : messages, { template, system, signal })
}
