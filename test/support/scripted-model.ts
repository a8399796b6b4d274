import { setTimeout as wait } from 'node:timers/promises'
import type { GenerateOptions, GenerationResult, LayerRoutes, Model, Session, Step } from '#molm/index.js'

/** An answer of a scripted model. */
export interface ScriptedAnswer {
  text: string
  /** Event after the text. Default: the answer ends. */
  ending?: 'waits until it is aborted' | Error
}

/** Question in a prompt, with the seed of its answer. */
export interface Asked {
  question: string
  seed?: number
}

/** Delay before each answer in ms. */
const THINKING = 20

/**
 * Adds the parts to a model that a conversation needs. It gives the scripted answers in turn, then empty ones. Each
 * character is a token, and all tokens choose the experts of `routes`. `asked` lists the questions.
 */
export function scripted(
  model: Model,
  routes: LayerRoutes[],
  answers: ScriptedAnswer[],
): { model: Model; asked: Asked[] } {
  const asked: Asked[] = []
  const tokenizer = {
    literal: (text: string) => text,
    encodeAsync: async (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0),
    decode: (ids: Iterable<number>) => String.fromCodePoint(...ids),
    bytesOf: (id: number) => Buffer.from(String.fromCodePoint(id)),
  }
  const createSession = () => new ScriptedSession(routes, answers, asked) as unknown as Session
  return {
    model: Object.assign(model, { tokenizer, createSession, generationDefaults: {} }) as unknown as Model,
    asked,
  }
}

class ScriptedSession {
  tokens: number[] = []

  constructor(
    private readonly routes: LayerRoutes[],
    private readonly answers: ScriptedAnswer[],
    private readonly asked: Asked[],
  ) {}

  get length(): number {
    return this.tokens.length
  }

  async forward(ids: readonly number[]): Promise<{ routes: LayerRoutes[] }> {
    this.tokens.push(...ids)
    return { routes: this.routes.map((layer) => repeated(layer, ids.length)) }
  }

  async *generate(ids: readonly number[], options: GenerateOptions): AsyncGenerator<Step, GenerationResult> {
    const { signal, seed } = options
    this.tokens.push(...ids)
    const prompt = String.fromCodePoint(...this.tokens)
    this.asked.push({ question: /User: ([^:]*)\nAssistant:[^:]*$/.exec(prompt)?.[1] ?? prompt, seed })
    const { text, ending } = this.answers.shift() ?? { text: '' }
    await wait(THINKING, undefined, { signal })
    const tokens = Array.from(text, (character) => character.codePointAt(0) ?? 0)
    for (const [index, token] of tokens.entries()) {
      this.tokens.push(token)
      yield { index, token, text: String.fromCodePoint(token), logprob: 0, routes: this.routes }
    }
    if (ending instanceof Error) throw ending
    if (ending) await wait(2 ** 30, undefined, { signal })
    return { finishReason: 'eos', text, tokens, promptTokens: ids.length, seed: seed ?? 0, prefillMs: 1, decodeMs: 1 }
  }

  truncate(length: number): void {
    this.tokens.length = Math.min(this.length, length)
  }

  truncateToCommon(prompt: readonly number[]): number {
    const differs = prompt.findIndex((id, i) => id !== this.tokens[i] || i === prompt.length - 1)
    this.truncate(differs)
    return this.length
  }

  reset(): void {
    this.tokens = []
  }

  dispose(): void {}
}

/** Routes of `count` tokens that make the same choice. */
function repeated(layer: LayerRoutes, count: number): LayerRoutes {
  const of = <T extends Int32Array | Float32Array>(row: T) => {
    const all = new (row.constructor as new (length: number) => T)(row.length * count)
    for (let i = 0; i < count; i++) all.set(row, i * row.length)
    return all
  }
  const kinds = Object.entries(layer).map(([kind, { ids, gates, probabilities }]) => {
    return [kind, { ids: of(ids), gates: of(gates), ...(probabilities && { probabilities: of(probabilities) }) }]
  })
  return Object.fromEntries(kinds)
}
