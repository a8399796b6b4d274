import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { type ExpertMask, masksFit } from '../../model/config/expert-mask.js'
import { withExperts } from '../../model/config/mask-spec.js'
import { useSession } from '../texts/reading.js'
import { type ExpertPlace, everyExpert, maskSpecOf } from '../usage/awake.js'
import { ExpertUsage } from '../usage/usage.js'
import { type Reading, readAnswer } from './readings.js'

/** An answer as some experts being left out changes it. */
export interface AnswerWithout {
  /** Change of the answer's log-probability, in nats: below 0 if the answer needs the experts. */
  logprobChange: number
  /** Whether another token becomes the likeliest at some place, and so the text is another one. */
  changes: boolean
  answer: string
}

export interface TrialOptions {
  /** Index of the one token of the answer that counts. Default: all of them do. */
  token?: number
  mask?: ExpertMask
  signal?: AbortSignal
}

/** Most tokens that an answer without experts has beyond the length of the answer. */
const LONGER = 64

/** An answer, to be read again without some of the experts that it woke. */
export class AnswerTrial {
  readonly answer: string
  readonly usage: ExpertUsage
  /** Experts that prompt and answer woke, and that may be left out. */
  readonly woken: ExpertPlace[]

  private constructor(
    private readonly model: Model,
    private readonly prompt: readonly number[],
    private readonly tokens: readonly number[],
    private readonly options: TrialOptions,
    private readonly whole: Reading,
  ) {
    this.answer = textOf(model, tokens)
    this.usage = new ExpertUsage(model.config)
    this.usage.add(whole.routes, this.length)
    this.woken = everyExpert(this.usage).filter((place) => {
      return this.usage.of(place.kind, place.layer).counts[place.expert] > 0 && this.mayLack([place])
    })
  }

  static async begin(model: Model, prompt: readonly number[], tokens: readonly number[], options: TrialOptions) {
    const { mask, token } = options
    const counted = token === undefined ? withoutEnd(model, tokens) : tokens
    const whole = await useSession(model, (session) => readAnswer(session, prompt, counted, options), { mask })
    return new AnswerTrial(model, prompt, counted, options, whole)
  }

  /** Log-probability of the answer with all experts. */
  get logprob(): number {
    return this.whole.logprob
  }

  /** Number of tokens to read each time. */
  get length(): number {
    return this.prompt.length + (this.options.token ?? this.tokens.length)
  }

  /** Whether each token has enough experts without these. */
  mayLack(experts: readonly ExpertPlace[]): boolean {
    const { mask, config } = this.model
    const own = this.maskWithout(experts)
    return masksFit(mask ? [mask, own] : [own], config)
  }

  without(experts: readonly ExpertPlace[]): Promise<AnswerWithout> {
    return this.readWith(this.maskWithout(experts), async (session, { logprob, likeliest }) => {
      const at = this.firstChange(likeliest)
      const answer = at === undefined ? this.answer : await this.continued(session, at)
      // An end may be written in two ways.
      return { logprobChange: logprob - this.logprob, changes: answer !== this.answer, answer }
    })
  }

  /** Fall of the answer's log-probability without the outputs of all experts of one kind in a layer. */
  worthOfLayer({ kind, layer }: Pick<ExpertPlace, 'kind' | 'layer'>): Promise<number> {
    const all = Array.from(this.usage.of(kind, layer).counts, (_, expert) => ({ kind, layer, expert }))
    const mask: ExpertMask = { ...this.maskWithout(all), instead: 'nothing' }
    return this.readWith(mask, async (_, { logprob }) => this.logprob - logprob)
  }

  private maskWithout(experts: readonly ExpertPlace[]): ExpertMask {
    return withExperts(this.options.mask, experts.map(maskSpecOf), this.model.config)
  }

  private readWith<T>(mask: ExpertMask, use: (session: Session, reading: Reading) => Promise<T>): Promise<T> {
    const { model, prompt, tokens, options } = this
    return useSession(model, async (session) => use(session, await readAnswer(session, prompt, tokens, options)), {
      mask,
    })
  }

  /** Index of the first token that is no longer the likeliest; the number of tokens if the answer no longer ends. */
  private firstChange(likeliest: Int32Array): number | undefined {
    const { model, tokens, options, whole } = this
    const row = likeliest.findIndex((id, i) => id !== whole.likeliest[i])
    const at = (options.token ?? 0) + row
    return row < 0 || (at === tokens.length && !isEnd(model, whole.likeliest[row])) ? undefined : at
  }

  /** The answer with the session's experts from this token on, at temperature 0. */
  private async continued(session: Session, at: number): Promise<string> {
    const { model, prompt, tokens, options } = this
    const kept = tokens.slice(0, at)
    const ids = [...prompt, ...kept]
    const maxTokens = tokens.length - at + LONGER
    const shared = session.truncateToCommon(ids)
    const generated = { temperature: 0, repeatPenalty: 1, maxTokens, signal: options.signal }
    const generation = session.generate(ids.slice(shared), { ...generated, stop: stopsOf(model) })
    for (;;) {
      const { value, done } = await generation.next()
      if (done) return textOf(model, [...kept, ...value.tokens])
    }
  }
}

function stopsOf({ generationDefaults }: Model): string[] {
  return generationDefaults.stop ?? []
}

/** Whether a token ends an answer, or begins a text that does. */
function isEnd(model: Model, token: number): boolean {
  const text = model.tokenizer.decode([token])
  const isBegun = stopsOf(model).some((stop) => text !== '' && stop.startsWith(text))
  return isBegun || (model.generationDefaults.eosTokens?.includes(token) ?? false)
}

/** An answer's text, up to its end. */
function textOf(model: Model, tokens: readonly number[]): string {
  const text = model.tokenizer.decode(tokens, { skipSpecial: true })
  return stopsOf(model)
    .reduce((text, stop) => text.split(stop, 1)[0], text)
    .trim()
}

/** The tokens that the text needs. */
function withoutEnd(model: Model, tokens: readonly number[]): readonly number[] {
  const text = textOf(model, tokens)
  return tokens.slice(0, 1 + tokens.findIndex((_, i) => textOf(model, tokens.slice(0, i + 1)) === text))
}
