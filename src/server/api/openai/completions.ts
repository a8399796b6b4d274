import { randomUUID } from 'node:crypto'
import type { Hono } from 'hono'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { type Reply, respond } from '../../http/respond.js'
import type { AnswerPiece } from '../../run/choice.js'
import { tokenizerOf } from '../../run/context.js'
import type { ScoredToken } from '../../run/read-prompt.js'
import { type BegunCompletion, beginCompletion } from '../begin.js'
import { type CompletionLogprobs, CompletionScorer, usageOf } from '../report.js'
import { completionBody, completionRequest } from './body.js'
import { formNulls } from './constraint.js'

/** `POST /v1/completions`: continues prompts without a template. */
export function completionRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/completions', async (c) => {
    const body = await readBody(c, completionBody, context, formNulls)
    return respond(c, context, body.stream, async (ticket) => {
      const begun = await beginCompletion(context, completionRequest(body), ticket)
      return new Completion(context, begun, body.stream_options?.include_usage)
    })
  })
}

class Completion implements Reply {
  private readonly head: { id: string; object: 'text_completion'; created: number; model: string }
  private readonly scorers: (CompletionScorer | undefined)[]
  private readonly n: number

  constructor(
    context: ServerContext,
    readonly begun: BegunCompletion,
    private readonly withUsage = false,
  ) {
    const created = Math.floor(Date.now() / 1000)
    this.head = { id: `cmpl-${randomUUID()}`, object: 'text_completion', created, model: context.id }
    const { n = 1, echo, report } = begun.request
    this.n = n
    const tokenizer = tokenizerOf(context)
    this.scorers = begun.prompts.flatMap((prompt) =>
      Array.from({ length: this.n }, () =>
        report.logprobs === undefined ? undefined : new CompletionScorer(tokenizer, echo ? prompt : undefined),
      ),
    )
  }

  async whole() {
    const { routes } = this.begun.request.report
    const tokens = this.scorers.map((): ScoredToken[] => [])
    const choices = this.scorers.map((_, index) => ({
      index,
      text: this.echoed(index),
      logprobs: null as CompletionLogprobs | null,
      finish_reason: null as AnswerPiece['finishReason'] | null,
      ...(routes && { routed_experts: [] as unknown[] }),
      ...(routes === 'all' && { prompt_routed_experts: [] as unknown[] }),
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
    return { ...this.head, choices, usage: this.usage }
  }

  async *chunks(): AsyncGenerator<object> {
    const usage = this.withUsage ? { usage: null } : {}
    const begun = new Set<number>()
    for await (const piece of this.begun.choices.pieces()) {
      const { index, tokens, routed, promptRouted, progress, finishReason } = piece
      if (progress) {
        const choices = [{ index, text: '', logprobs: null, finish_reason: null }]
        yield { ...this.head, choices, prompt_progress: progress, ...usage }
        continue
      }
      const text = begun.has(index) ? piece.text : this.echoed(index) + piece.text
      begun.add(index)
      if (text === '' && tokens.length === 0 && !routed && !promptRouted && !finishReason) continue
      yield { ...this.head, choices: [this.chunk(piece, text)], ...usage }
    }
    if (this.withUsage) yield { ...this.head, choices: [], usage: this.usage }
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

  private get usage() {
    return usageOf(this.begun.choices.usage, false)
  }

  private echoed(choice: number): string {
    return this.begun.request.echo ? this.begun.prompts[Math.floor(choice / this.n)].text : ''
  }
}
