import type { Model } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { withOwnSignal } from '../texts/reading.js'
import type { ExpertPlace } from '../usage/awake.js'
import { type Reader, readerOf } from '../usage/text-routes.js'
import { AnswerTrial, type AnswerWithout, type TrialOptions } from './answer-trial.js'
import { type ReadingCounts, Readings } from './readings.js'

export interface MatteringExpert extends ExpertPlace, AnswerWithout {}

/** Experts that change an answer only together. */
export interface MatteringGroup extends AnswerWithout {
  experts: ExpertPlace[]
}

export interface Matters {
  model: Reader
  prompt: readonly number[]
  /** The answer. */
  tokens: readonly number[]
  /** Index of the only token that counts. Absent if the whole answer does. */
  token?: number
  answer: string
  /** Log-probability of the answer, or of its token, with all experts. */
  logprob: number
  /** Those whose absence changes the words come first; each part by falling effect. */
  experts: MatteringExpert[]
  /** Number of experts that were really left out, and of all that could be: prompt and answer woke them. */
  tried: number
  of: number
  /** Absent if a single expert changes the answer, and if the strongest together do not either. */
  group?: MatteringGroup
}

export interface MattersOptions extends TrialOptions {
  /** Most experts to try. Default: all of a small model; of a larger one the ones that are expected to matter most. */
  most?: number
  /** Milliseconds for more of them. Default: 0. */
  budgetMs?: number
  /** Called after each reading of the answer, with their number so far and in all. */
  onProgress?: (readings: ReadingCounts) => void
}

/** Multiplications that are few enough to try every expert: they take some seconds. */
const FEW = 2e11
/** Experts to try of a larger model. */
const TRIED = 24
/** Most experts that are left out together. */
const MOST_TOGETHER = 12
/**
 * Finds the experts whose absence changes an answer most. Prompt and answer are read again without each, as a mask has
 * it: tokens use the next best expert. From the first place with another likeliest token, the answer is continued at
 * temperature 0. Rejects with a UsageError if there is no such answer.
 */
export function expertsThatMatter(
  model: Model,
  prompt: readonly number[],
  answer: readonly number[],
  options: MattersOptions = {},
): Promise<Matters> {
  const { token, signal } = options
  if (prompt.length === 0 || answer.length === 0) throw new UsageError('there is no answer to a prompt')
  if (token !== undefined && !(token in answer)) throw new UsageError(`the answer has no token ${token}`)
  return withOwnSignal(signal, (signal) => findExperts(model, prompt, answer, { ...options, signal }))
}

async function findExperts(
  model: Model,
  prompt: readonly number[],
  tokens: readonly number[],
  options: MattersOptions,
): Promise<Matters> {
  const { token, budgetMs = 0, onProgress } = options
  const ends = performance.now() + budgetMs
  const trial = await AnswerTrial.begin(model, prompt, tokens, options)
  const { woken, usage, answer, logprob } = trial
  const isSmall = woken.length * trial.length * model.info.activeParameters <= FEW
  const most = Math.min(options.most ?? (isSmall ? woken.length : TRIED), woken.length)
  const layers =
    most < woken.length
      ? woken.filter(({ kind, layer }, i) => woken[i - 1]?.layer !== layer || woken[i - 1].kind !== kind)
      : []
  const readings = new Readings(trial.length, layers.length + (budgetMs > 0 ? woken.length : most), onProgress)
  const expected = new Map<ExpertPlace, number>()
  const worths = readings.each(layers, (place) => trial.worthOfLayer(place))
  for await (const { change, result: worth } of worths) {
    const { kind, layer } = change
    for (const place of woken.filter((one) => one.kind === kind && one.layer === layer)) {
      expected.set(place, Math.max(0, worth) * usage.of(kind, layer).gateShare(place.expert))
    }
  }
  const ranked = woken.toSorted((a, b) => (expected.get(b) ?? 0) - (expected.get(a) ?? 0))
  function* chosen() {
    for (const [i, place] of ranked.entries()) if (i < most || performance.now() < ends) yield place
  }
  const experts: MatteringExpert[] = []
  for await (const { change, result } of readings.each(chosen(), (place) => trial.without([place]))) {
    experts.push({ ...change, ...result })
  }
  experts.sort((a, b) => Number(b.changes) - Number(a.changes) || a.logprobChange - b.logprobChange)
  const group = experts.some(({ changes }) => changes) ? undefined : await groupOf(trial, experts)
  const found = { model: readerOf(model), prompt, tokens, answer, logprob, experts, tried: experts.length }
  return { ...found, of: woken.length, ...(token !== undefined && { token }), ...(group && { group }) }
}

/** The strongest experts, added one by one until the answer changes, less each that it changes without. */
async function groupOf(trial: AnswerTrial, experts: readonly ExpertPlace[]): Promise<MatteringGroup | undefined> {
  let group: ExpertPlace[] = []
  let found: AnswerWithout | undefined
  for (const { kind, layer, expert } of experts) {
    const more = [...group, { kind, layer, expert }]
    if (found?.changes || more.length > MOST_TOGETHER) break
    if (!trial.mayLack(more)) continue
    group = more
    found = await trial.without(group)
  }
  if (!found?.changes) return undefined
  for (let i = 0; i < group.length; ) {
    const fewer = group.toSpliced(i, 1)
    const without = await trial.without(fewer)
    // Without it, one that was needed before may be no longer.
    if (without.changes) [group, found, i] = [fewer, without, 0]
    else i++
  }
  return { experts: group, ...found }
}
