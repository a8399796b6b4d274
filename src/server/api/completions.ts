import { randomUUID } from 'node:crypto'
import type { Hono } from 'hono'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { type Reply, respond } from '../http/respond.js'
import type { AnswerPiece } from '../run/choice.js'
import { tokenizerOf } from '../run/context.js'
import type { ScoredToken } from '../run/read-prompt.js'
import { routesOf } from './asked.js'
import { type BegunCompletion, beginCompletion } from './begin.js'
import { type CompletionBody, completionBody, formNulls } from './fields.js'
import { type CompletionLogprobs, CompletionScorer } from './logprobs.js'
import { promptProgress } from './prompt-progress.js'

/** `POST /v1/completions`: continues prompts without a template. */
export function completionRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/completions', async (c) => {
    const body = await readBody(c, completionBody, context, formNulls)
    return respond(c, context, body.stream, async (ticket) => {
      return new Completion(context, body, await beginCompletion(context, body, { ticket }))
    })
  })
}

class Completion implements Reply {
  private readonly head: { id: string; object: 'text_completion'; created: number; model: string }
  private readonly scorers: (CompletionScorer | undefined)[]
  private readonly n: number

  constructor(
    context: ServerContext,
    private readonly body: CompletionBody,
    readonly begun: BegunCompletion,
  ) {
    const created = Math.floor(Date.now() / 1000)
    this.head = { id: `cmpl-${randomUUID()}`, object: 'text_completion', created, model: context.id }
    this.n = body.n ?? 1
    const tokenizer = tokenizerOf(context)
    this.scorers = begun.prompts.flatMap((prompt) =>
      Array.from({ length: this.n }, () =>
        body.logprobs === undefined ? undefined : new CompletionScorer(tokenizer, body.echo ? prompt : undefined),
      ),
    )
  }

  async whole() {
    const { routes, promptRoutes } = routesOf(this.body)
    const tokens = this.scorers.map((): ScoredToken[] => [])
    const choices = this.scorers.map((_, index) => ({
      index,
      text: this.echoed(index),
      logprobs: null as CompletionLogprobs | null,
      finish_reason: null as AnswerPiece['finishReason'] | null,
      ...(routes && { routed_experts: [] as unknown[] }),
      ...(promptRoutes && { prompt_routed_experts: [] as unknown[] }),
    }))
    for await (const piece of this.begun.choices.pieces()) {
      const choice = choices[piece.index]
      choice.text += piece.text
      tokens[piece.index].push(...piece.tokens)
      choice.routed_experts?.push(...(piece.routed ?? []))
      choice.prompt_routed_experts?.push(...(piece.promptRouted ?? []))
      if (piece.finishReason) choice.finish_reason = piece.finishReason
    }
    for (const choice of choices) choice.logprobs = this.scorers[choice.index]?.add(tokens[choice.index]) ?? null
    return { ...this.head, choices, usage: this.begun.choices.usage }
  }

  async *chunks(): AsyncGenerator<object> {
    const withUsage = this.body.stream_options?.include_usage
    const usage = withUsage ? { usage: null } : {}
    const begun = new Set<number>()
    for await (const piece of this.begun.choices.pieces()) {
      const { index, tokens, routed, promptRouted, progress, finishReason } = piece
      if (progress) {
        const choices = [{ index, text: '', logprobs: null, finish_reason: null }]
        yield { ...this.head, choices, ...promptProgress(progress), ...usage }
        continue
      }
      const text = begun.has(index) ? piece.text : this.echoed(index) + piece.text
      begun.add(index)
      if (text === '' && tokens.length === 0 && !routed && !promptRouted && !finishReason) continue
      yield { ...this.head, choices: [this.chunk(piece, text)], ...usage }
    }
    if (withUsage) yield { ...this.head, choices: [], usage: this.begun.choices.usage }
  }

  private chunk({ index, tokens, routed, promptRouted, finishReason }: AnswerPiece, text: string) {
    return {
      index,
      text,
      logprobs: this.scorers[index]?.add(tokens) ?? null,
      finish_reason: finishReason ?? null,
      ...(routed && { routed_experts: routed }),
      ...(promptRouted && { prompt_routed_experts: promptRouted }),
    }
  }

  private echoed(choice: number): string {
    return this.body.echo ? this.begun.prompts[Math.floor(choice / this.n)].text : ''
  }
}
