import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { encodeTexts } from '../../insight/texts/reading.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { type Reader, readerOf } from '../../insight/usage/text-routes.js'
import type { MixtureKind } from '../../model/config/config.js'
import { type Condition, Conditions } from './conditions.js'
import { MeasureJournal } from './journal.js'
import { partsOf, readWhole, runParts, type WholeText } from './text-parts.js'
import { riseOf, WAYS, type Way, type Worth, worthOf } from './worth.js'

export interface AblateOptions {
  /** Kind of experts. Default: all. */
  only?: MixtureKind
  /** Layers. Default: all. */
  layers?: readonly number[]
  /** Ways to take each expert away. Default: all. */
  ways?: readonly Way[]
  /** Milliseconds after which no other expert is begun. Default: no limit. */
  budgetMs?: number
  /** File of the measures so far. A later run with the same model and texts resumes from it. Default: none. */
  journal?: string
  /** Called after each measure: tokens that have been run for all measures, and tokens in all. */
  onProgress?: (done: { tokens: number; of: number }) => void
  signal?: AbortSignal
}

/** Worth of all experts of a layer together: the text without their outputs. */
export interface LayerWorth {
  kind: MixtureKind
  layer: number
  worth: Worth
}

export interface ExpertWorth extends ExpertPlace {
  /** Tokens of the text that chose it. Without any, its worth is exactly 0. */
  tokens: number
  /** Absent if the time budget ended before. A way that leaves a token too few experts is absent, too. */
  worth?: Partial<Record<Way, Worth>>
}

export interface Ablation {
  model: Reader
  texts: string[]
  /** Predicted tokens, and the number of parts that they are in. */
  tokens: number
  parts: number
  /** Mean loss of the whole model, in nats per token. */
  loss: number
  ways: readonly Way[]
  layers: LayerWorth[]
  experts: ExpertWorth[]
}

/**
 * Measures the worth of each expert on texts: the rise of the loss without it, in nats per token. Layers come first, as
 * a whole, then the experts by the worth that is expected of them, falling. Rejects with a UserError if the texts have
 * fewer than two tokens, or if the model has no such experts.
 */
export async function ablateExperts(
  model: Model,
  texts: readonly { name: string; text: string }[],
  options: AblateOptions = {},
): Promise<Ablation> {
  const measured = await ablateTokens(model, await encodeTexts(model, texts, options.signal), options)
  return { model: readerOf(model), texts: texts.map(({ name }) => name), ...measured }
}

/** Measures as `ablateExperts` does, on texts given as ids. */
export async function ablateTokens(
  model: Model,
  texts: readonly (readonly number[])[],
  options: AblateOptions = {},
): Promise<Omit<Ablation, 'model' | 'texts'>> {
  const { ways = WAYS, budgetMs = Number.POSITIVE_INFINITY, signal } = options
  const parts = partsOf(texts, model.config.maxPositions)
  if (parts.length === 0) throw new UserError('there are fewer than two tokens to measure on')
  const ends = performance.now() + budgetMs
  const whole = await readWhole(model, parts, signal)
  const conditions = new Conditions(model, whole, options)
  const journal =
    options.journal === undefined ? undefined : await MeasureJournal.open(options.journal, model, parts, whole.losses)
  try {
    const run = new AblationRun(model, parts, whole, journal, options)
    const layers: LayerWorth[] = []
    for (const condition of run.plan(conditions.layers())) {
      layers.push({ kind: condition.kind, layer: condition.layer, worth: await run.measure(condition) })
    }
    const worthOfLayer = (kind: MixtureKind, layer: number) => {
      return layers.find((one) => one.kind === kind && one.layer === layer)?.worth.nats ?? 0
    }
    const planned = conditions.experts(worthOfLayer)
    run.plan(planned.flatMap(({ conditions }) => conditions))
    const experts: ExpertWorth[] = []
    for (const { place, uses, conditions } of planned) {
      const isMeasured = performance.now() < ends || conditions.every((condition) => run.isFree(condition))
      const worth: ExpertWorth['worth'] = {}
      if (isMeasured) for (const condition of conditions) worth[condition.way] = await run.measure(condition)
      experts.push({ ...place, tokens: uses, ...(isMeasured && { worth }) })
    }
    const { losses, predicted } = whole
    return {
      tokens: predicted.reduce((sum, count) => sum + count, 0),
      parts: parts.length,
      loss: worthOf(losses, predicted).nats,
      ways,
      layers,
      experts: experts.sort(byPlace),
    }
  } finally {
    await journal?.close()
  }
}

class AblationRun {
  private done = 0
  private planned = 0

  constructor(
    private readonly model: Model,
    private readonly parts: readonly (readonly number[])[],
    private readonly whole: WholeText,
    private readonly journal: MeasureJournal | undefined,
    private readonly options: Pick<AblateOptions, 'onProgress' | 'signal'>,
  ) {}

  /** Counts the tokens that conditions need, for the progress. Returns the conditions. */
  plan<C extends Condition>(conditions: C[]): C[] {
    for (const condition of conditions) this.planned += this.tokensOf(condition)
    return conditions
  }

  isFree({ name, parts }: Condition): boolean {
    return parts.length === 0 || this.journal?.numbersOf(name) !== undefined
  }

  async measure(condition: Condition): Promise<Worth> {
    const { losses, predicted } = this.whole
    const without = this.journal?.numbersOf(condition.name) ?? (await this.run(condition))
    this.done += this.tokensOf(condition)
    this.options.onProgress?.({ tokens: this.done, of: this.planned })
    return riseOf(without, losses, predicted)
  }

  private async run({ name, mask, parts: numbers }: Condition): Promise<number[]> {
    const { model, parts, options, journal } = this
    const losses = [...this.whole.losses]
    const changed = numbers.map((part) => parts[part])
    let next = 0
    for await (const { loss } of runParts(model, changed, { mask, signal: options.signal })) {
      losses[numbers[next++]] = loss
    }
    if (numbers.length > 0) await journal?.add(name, losses)
    return losses
  }

  private tokensOf({ parts }: Condition): number {
    return parts.reduce((sum, part) => sum + this.whole.predicted[part], 0)
  }
}

function byPlace(a: ExpertPlace, b: ExpertPlace): number {
  return a.layer - b.layer || a.kind.localeCompare(b.kind) || a.expert - b.expert
}
