import type { Model } from '../api/model.js'
import type { TrainingPlan, TrainingState } from '../api/training.js'
import type { Journal } from './journal.js'
import { learningRateAt } from './learning-rate.js'
import { batchOf, Deck, Decks, heldOutSample, type Lesson } from './lessons.js'
import { lossOf, type Reading } from './measure.js'
import type { Ending, TeachEvent, TeachingPoint } from './teach-events.js'
import type { Settings } from './teach-options.js'

/** What is taught, and how long. */
export interface Course {
  settings: Settings
  plan: TrainingPlan
  lessons: readonly Lesson[]
  /** What is to be kept, read again as far as `settings.keep` says. */
  keep: readonly Lesson[]
  steps: number
}

/** Sequences of a step, by what they are for. */
export interface StepSizes {
  learn: number
  keep: number
}

export interface Learnt {
  /** The state with the least loss on held-out text. */
  weights: Float32Array
  /** Its step; 0 if no step has made that loss less. */
  bestStep: number
  ending: Ending
  curve: TeachingPoint[]
}

export interface CourseOptions {
  /** Weights of the newcomers at the beginning, or what an earlier run has left. */
  from: Float32Array | Journal
  /** Keeps a state that a later run can resume from. */
  save(journal: Omit<Journal, 'own'>): Promise<void>
  onEvent?: (event: TeachEvent) => void
  signal?: AbortSignal
}

/** Checks of the held-out text without a new best one after which a training ends. */
const PATIENCE = 4
/** Between two checks lie a tenth of the steps, and no more than this. */
const CHECKS = 10
const MOST_BETWEEN = 25
/** Tokens of a check, as a share of those of the steps before it, and half as many of what is kept. */
const CHECK_SHARE = 0.5
const CHECK_TOKENS = { least: 512, most: 8192 }
/** Rows of routers learn this much faster than experts: what they have to tell apart is simpler (docs/TEACHING.md). */
const ROUTER_RATE = 10
/** A state is kept so often. */
const SAVE_MS = 40_000

/** Sequences of a step. What the model writes itself is always there to be kept. */
export function stepSizes({ batch, window, keep }: Settings): StepSizes {
  const all = Math.max(1, Math.round(batch / window))
  const again = keep > 0 && all > 1 ? Math.min(all - 1, Math.max(1, Math.round(all * keep))) : 0
  return { learn: all - again, keep: again }
}

/** Trains newcomers until the steps are done, the held-out text gets no better, or it is stopped; gives the best state. */
export async function takeCourse(model: Model, course: Course, options: CourseOptions): Promise<Learnt> {
  const run = new Run(model, course, options)
  const ending = await run.toItsEnd()
  const { best: weights, curve } = run
  return { weights, bestStep: bestStepOf(curve), ending, curve }
}

/** The step with the least loss on held-out text, the first of equal ones; 0 if none was measured. */
export function bestStepOf(curve: readonly TeachingPoint[]): number {
  const measured = curve.filter(({ heldOut }) => heldOut !== undefined)
  return measured.reduce((best, { step, heldOut = Infinity }) => (heldOut < best.heldOut ? { step, heldOut } : best), {
    step: 0,
    heldOut: Infinity,
  }).step
}

/** Checks since the best one. */
function checksSinceBest(curve: readonly TeachingPoint[]): number {
  const best = bestStepOf(curve)
  return curve.filter(({ step, heldOut }) => step > best && heldOut !== undefined).length
}

class Run {
  readonly curve: TeachingPoint[] = []
  best: Float32Array
  private step = 0
  private readonly decks: { learn: Decks; keep: Decks }
  private readonly sizes: StepSizes
  private readonly heldOut: Reading[]
  private readonly kept: Reading[]
  /** Steps from one check to the next. */
  private readonly between: number
  private savedAt = performance.now()

  constructor(
    private readonly model: Model,
    private readonly course: Course,
    private readonly options: CourseOptions,
  ) {
    const { settings, lessons, keep } = course
    this.decks = {
      learn: new Decks([Deck.of(lessons, settings.seed)]),
      keep: Decks.each(keep, settings.seed + 1),
    }
    this.sizes = stepSizes(settings)
    this.between = Math.min(MOST_BETWEEN, Math.ceil(course.steps / CHECKS))
    const { least, most } = CHECK_TOKENS
    const tokens = Math.min(most, Math.max(least, CHECK_SHARE * this.between * settings.batch))
    const sample = (all: readonly Lesson[], wanted: number): Reading[] =>
      all.map((lesson) => ({ lesson, sequences: heldOutSample(lesson, wanted / all.length) }))
    this.heldOut = sample(lessons, tokens)
    this.kept = sample(keep, tokens / 2)
    const { from } = options
    this.best = from instanceof Float32Array ? from : from.best
  }

  async toItsEnd(): Promise<Ending> {
    const { steps } = this.course
    let ending: Ending = 'done'
    try {
      await this.begin()
      const clock = new Clock()
      while (this.step < steps && ending === 'done') ending = await this.next(clock)
    } catch (error) {
      if (!this.options.signal?.aborted || this.step === 0) throw error
      ending = 'interrupted'
    }
    await this.save()
    this.options.onEvent?.({ kind: 'end', ending, step: this.step, bestStep: bestStepOf(this.curve) })
    return ending
  }

  private async begin(): Promise<void> {
    const { model, options, course, sizes } = this
    const { from } = options
    if (from instanceof Float32Array) {
      await model.training.begin(course.plan, from)
      this.curve.push({ step: 0, tokens: 0, ...(await this.check()) })
      return
    }
    await model.training.begin(course.plan, from.best)
    await model.training.write(from.state)
    this.step = from.state.steps
    this.curve.push(...from.curve)
    this.decks.learn.skip(this.step, sizes.learn)
    this.decks.keep.skip(this.step, sizes.keep)
    // What was interrupted in a check has yet to make it.
    const last = this.curve.at(-1)
    if (last && last.heldOut === undefined && this.isDue()) Object.assign(last, await this.check())
  }

  private async next(clock: Clock): Promise<Ending> {
    const { model, course, sizes, options } = this
    const { settings, steps } = course
    // One that was cut off after its last check ends where it would have ended.
    if (checksSinceBest(this.curve) >= PATIENCE) return 'no-better'
    const batch = batchOf(this.decks.learn.draw(sizes.learn), this.decks.keep.draw(sizes.keep))
    const learningRate = learningRateAt(this.step, steps, settings.learningRate)
    const done = await model.training.step(
      batch,
      { learningRate, routerRate: ROUTER_RATE },
      { steering: settings.steering, signal: options.signal },
    )
    if (![done.loss, done.divergence, done.gradientNorm].every(Number.isFinite)) return 'not-a-number'
    this.step++
    clock.add(done.tokens)
    const tokens = (this.curve.at(-1)?.tokens ?? 0) + done.tokens
    const { loss, divergence, newcomerShare } = done
    const point: TeachingPoint = { step: this.step, tokens, loss, ...(sizes.keep > 0 && { divergence }), newcomerShare }
    this.curve.push(point)
    if (this.isDue()) Object.assign(point, await this.check())
    const { tokensPerSecond } = clock
    const secondsLeft = ((steps - this.step) * clock.seconds) / clock.steps
    const isBest = bestStepOf(this.curve) === this.step
    options.onEvent?.({ kind: 'step', point, steps, tokensPerSecond, secondsLeft, isBest })
    if (performance.now() - this.savedAt > SAVE_MS) await this.save()
    return checksSinceBest(this.curve) >= PATIENCE ? 'no-better' : 'done'
  }

  /** Whether the held-out texts are measured after this step. */
  private isDue(): boolean {
    return this.step % this.between === 0 || this.step === this.course.steps
  }

  /** Measures the held-out texts, and keeps the weights if they are the best so far. */
  private async check(): Promise<Pick<TeachingPoint, 'heldOut' | 'kept'>> {
    const { model, options, curve, heldOut, kept } = this
    const { loss } = await lossOf(model, heldOut, options)
    const keptLoss = kept.length > 0 ? (await lossOf(model, kept, options)).loss : undefined
    const least = curve.reduce((least, point) => Math.min(least, point.heldOut ?? Infinity), Infinity)
    if (loss < least) this.best = (await model.training.read(false)).weights
    return { heldOut: loss, ...(keptLoss !== undefined && { kept: keptLoss }) }
  }

  private async save(): Promise<void> {
    const { curve, best, model, options } = this
    const state: TrainingState = await model.training.read()
    await options.save({ curve, best, state })
    this.savedAt = performance.now()
    options.onEvent?.({ kind: 'saved', step: state.steps })
  }
}

/** How fast it goes. */
class Clock {
  steps = 0
  private tokens = 0
  private readonly start = performance.now()

  add(tokens: number): void {
    this.steps++
    this.tokens += tokens
  }

  get seconds(): number {
    return (performance.now() - this.start) / 1000
  }

  get tokensPerSecond(): number {
    return this.tokens / this.seconds
  }
}
