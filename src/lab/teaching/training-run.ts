import type { Model } from '../../api/model.js'
import type { TrainingPlan, TrainingState } from '../../api/training.js'
import { type Dataset, heldOutSample } from './datasets.js'
import type { Journal } from './journal.js'
import { lossOf, type Sample } from './measure.js'
import { makeBatch, Sampler } from './samplers.js'
import type { StopReason, TeachEvent, TeachingPoint } from './teach-events.js'
import type { Settings } from './teach-options.js'

export interface RunSetup {
  settings: Settings
  plan: TrainingPlan
  datasets: readonly Dataset[]
  /** Retained texts, replayed as `settings.keep` says. */
  retained: readonly Dataset[]
  steps: number
}

export interface StepSizes {
  newText: number
  replay: number
}

export interface TrainingOutcome {
  /** Weights of the step with the least held-out loss. */
  weights: Float32Array
  /** That step; 0 if no step lowered the loss. */
  bestStep: number
  stopReason: StopReason
  curve: TeachingPoint[]
}

export interface RunOptions {
  /** Initial weights of the new experts, or the journal of an interrupted run. */
  from: Float32Array | Journal
  save(journal: Omit<Journal, 'replay'>): Promise<void>
  onEvent?: (event: TeachEvent) => void
  signal?: AbortSignal
}

/** Checks without a new least loss after which the training ends. */
const PATIENCE = 4
/** Number of checks in a training, and the most steps between two. */
const CHECKS = 10
const MOST_BETWEEN = 25
/** Tokens of a check, as a share of the tokens of the steps before it; half as many of retained text. */
const CHECK_SHARE = 0.5
const CHECK_TOKENS = { least: 512, most: 8192 }
/** Factor of the learning rate for router rows, which have a simpler task (docs/EXPERTS.md). */
const ROUTER_RATE = 10
/** Ms between two saved states. */
const SAVE_MS = 40_000

/** Share of the steps with a rising rate, and the most steps of it. */
const WARM_UP_SHARE = 0.1
const MOST_WARM_UP = 50
/** Share of the highest rate at the end. */
const LEAST_SHARE = 0.1

/** Learning rate of step `step`, from 0, of `steps`: a linear warm-up, then half a cosine down to a tenth. */
export function learningRateAt(step: number, steps: number, highest: number): number {
  const warmUp = Math.max(1, Math.min(MOST_WARM_UP, Math.ceil(steps * WARM_UP_SHARE)))
  if (step < warmUp) return (highest * (step + 1)) / warmUp
  const done = (step - warmUp) / Math.max(1, steps - warmUp)
  return highest * (LEAST_SHARE + (1 - LEAST_SHARE) * 0.5 * (1 + Math.cos(Math.PI * done)))
}

/** Computes the sequences of a step. There is always text to replay, since the model writes some itself. */
export function stepSizes({ batch, window, keep }: Settings): StepSizes {
  const all = Math.max(1, Math.round(batch / window))
  const replay = keep > 0 && all > 1 ? Math.min(all - 1, Math.max(1, Math.round(all * keep))) : 0
  return { newText: all - replay, replay }
}

/** Trains new experts until the steps are done, the held-out loss stops falling, or an abort. Gives the best state. */
export async function runTraining(model: Model, setup: RunSetup, options: RunOptions): Promise<TrainingOutcome> {
  const run = new TrainingRun(model, setup, options)
  const stopReason = await run.toItsEnd()
  const { best: weights, curve } = run
  return { weights, bestStep: bestStepOf(curve), stopReason, curve }
}

/** Step with the least held-out loss, the first of equal ones; 0 if none was measured. */
export function bestStepOf(curve: readonly TeachingPoint[]): number {
  const measured = curve.filter(({ heldOutLoss }) => heldOutLoss !== undefined)
  return measured.reduce(
    (best, { step, heldOutLoss = Infinity }) => (heldOutLoss < best.heldOutLoss ? { step, heldOutLoss } : best),
    { step: 0, heldOutLoss: Infinity },
  ).step
}

function checksSinceBest(curve: readonly TeachingPoint[]): number {
  const best = bestStepOf(curve)
  return curve.filter(({ step, heldOutLoss }) => step > best && heldOutLoss !== undefined).length
}

class TrainingRun {
  readonly curve: TeachingPoint[] = []
  best: Float32Array
  private step = 0
  private readonly samplers: { newText: Sampler; replay: Sampler }
  private readonly sizes: StepSizes
  private readonly heldOut: Sample[]
  private readonly retained: Sample[]
  private readonly between: number
  private savedAt = performance.now()
  /** The first step of this run, to measure its speed. */
  private begun = { at: 0, step: 0, tokens: 0 }

  constructor(
    private readonly model: Model,
    private readonly setup: RunSetup,
    private readonly options: RunOptions,
  ) {
    const { settings, datasets, retained } = setup
    this.samplers = {
      newText: new Sampler([datasets], settings.seed),
      // A long text leaves room for the others.
      replay: new Sampler(
        retained.map((dataset) => [dataset]),
        settings.seed + 1,
      ),
    }
    this.sizes = stepSizes(settings)
    this.between = Math.min(MOST_BETWEEN, Math.ceil(setup.steps / CHECKS))
    const { least, most } = CHECK_TOKENS
    const tokens = Math.min(most, Math.max(least, CHECK_SHARE * this.between * settings.batch))
    const sample = (all: readonly Dataset[], wanted: number): Sample[] =>
      all.map((dataset) => ({ dataset, sequences: heldOutSample(dataset, wanted / all.length) }))
    this.heldOut = sample(datasets, tokens)
    this.retained = sample(retained, tokens / 2)
    const { from } = options
    this.best = from instanceof Float32Array ? from : from.best
  }

  async toItsEnd(): Promise<StopReason> {
    const { steps } = this.setup
    let stopReason: StopReason = 'done'
    try {
      await this.begin()
      this.begun = { at: performance.now(), step: this.step, tokens: this.curve.at(-1)?.tokens ?? 0 }
      while (this.step < steps && stopReason === 'done') stopReason = await this.next()
    } catch (error) {
      if (!this.options.signal?.aborted || this.step === 0) throw error
      stopReason = 'interrupted'
    }
    await this.save()
    this.options.onEvent?.({ kind: 'end', stopReason, step: this.step, bestStep: bestStepOf(this.curve) })
    return stopReason
  }

  private async begin(): Promise<void> {
    const { model, options, setup, sizes } = this
    const { from } = options
    if (from instanceof Float32Array) {
      await model.training.begin(setup.plan, from)
      this.curve.push({ step: 0, tokens: 0, ...(await this.check()) })
      return
    }
    await model.training.begin(setup.plan, from.best)
    await model.training.write(from.state)
    this.step = from.state.steps
    this.curve.push(...from.curve)
    // Skips what the earlier run has drawn.
    this.samplers.newText.draw(this.step * sizes.newText)
    this.samplers.replay.draw(this.step * sizes.replay)
    // Runs the check that was interrupted.
    const last = this.curve.at(-1)
    if (last && last.heldOutLoss === undefined && this.isDue()) Object.assign(last, await this.check())
  }

  private async next(): Promise<StopReason> {
    const { model, setup, sizes, options } = this
    const { settings, steps } = setup
    // A run that was interrupted after its last check ends at the same step.
    if (checksSinceBest(this.curve) >= PATIENCE) return 'no-better'
    const batch = makeBatch(this.samplers.newText.draw(sizes.newText), this.samplers.replay.draw(sizes.replay))
    const learningRate = learningRateAt(this.step, steps, settings.learningRate)
    const done = await model.training.step(
      batch,
      { learningRate, routerRate: ROUTER_RATE },
      { balance: settings.balance, signal: options.signal },
    )
    if (![done.loss, done.divergence, done.gradientNorm].every(Number.isFinite)) return 'not-a-number'
    this.step++
    const tokens = (this.curve.at(-1)?.tokens ?? 0) + done.tokens
    const { loss, divergence, newExpertShare } = done
    const replayed = sizes.replay > 0 && { divergence }
    const point: TeachingPoint = { step: this.step, tokens, loss, ...replayed, newExpertShare }
    this.curve.push(point)
    if (this.isDue()) Object.assign(point, await this.check())
    const seconds = (performance.now() - this.begun.at) / 1000
    const tokensPerSecond = (tokens - this.begun.tokens) / seconds
    const secondsLeft = ((steps - this.step) * seconds) / (this.step - this.begun.step)
    const isBest = bestStepOf(this.curve) === this.step
    options.onEvent?.({ kind: 'step', point, steps, tokensPerSecond, secondsLeft, isBest })
    if (performance.now() - this.savedAt > SAVE_MS) await this.save()
    return checksSinceBest(this.curve) >= PATIENCE ? 'no-better' : 'done'
  }

  private isDue(): boolean {
    return this.step % this.between === 0 || this.step === this.setup.steps
  }

  /** Measures the held-out losses, and keeps the weights if they are the best so far. */
  private async check(): Promise<Pick<TeachingPoint, 'heldOutLoss' | 'retainedLoss'>> {
    const { model, options, curve, heldOut, retained } = this
    const { loss } = await lossOf(model, heldOut, options)
    const retainedLoss = retained.length > 0 ? (await lossOf(model, retained, options)).loss : undefined
    const least = curve.reduce((least, point) => Math.min(least, point.heldOutLoss ?? Infinity), Infinity)
    if (loss < least) this.best = (await model.training.read(false)).weights
    return { heldOutLoss: loss, ...(retainedLoss !== undefined && { retainedLoss }) }
  }

  private async save(): Promise<void> {
    const { curve, best, model, options } = this
    const state: TrainingState = await model.training.read()
    await options.save({ curve, best, state })
    this.savedAt = performance.now()
    options.onEvent?.({ kind: 'saved', step: state.steps })
  }
}
