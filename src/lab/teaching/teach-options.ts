import type { Balance } from '../../api/training.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { checkOneOf, checkOptionNames, shown } from '../../ground/option-checks.js'
import { MIXTURE_KINDS, type MixtureKind, type ModelConfig, mixtureOf } from '../../model/config/config.js'
import type { Quant } from '../../model/packing/format/formats.js'
import type { NamedText } from '../evaluation/text-file.js'
import type { TeachEvent } from './teach-events.js'

export interface TeachOptions {
  out: string
  /** Texts to learn. The last tenth of each is held out: it decides when the training ends, and measures the result. */
  texts: readonly NamedText[]
  /**
   * Texts that the model should stay good at, in addition to what it writes itself. Nine tenths are replayed
   * among the new texts; the last tenth measures what was forgotten. Default none.
   */
  keepTexts?: readonly NamedText[]
  /**
   * Accepted rise of the retained texts' perplexity, as a share of it: above 0, at most 1. After the training the gates
   * of the new experts are closed as far as this requires. Default: the least of 0.005, 0.01 and 0.02 at which the
   * perplexity of the texts falls by half and the model continues them when it is asked to; else the highest of these
   * that halves it, or 0.02.
   */
  forget?: number
  /** Number of new experts in each layer. Default 1. */
  experts?: number
  /** Layers that get new experts. Default: all that have experts of the kind. */
  layers?: Layers
  /** Kind of the new experts. Default mlp, or attention if the model has no other. */
  only?: MixtureKind
  /** Number of times that the texts are read, unless `steps` is given. Default 2, but between 96 and 256 steps. */
  epochs?: number
  /** Number of steps. */
  steps?: number
  /** Highest learning rate, reached after warm-up. Default 0.003. */
  learningRate?: number
  /** Tokens of a step, including replayed ones. Default 2048, or less for shorter texts. */
  batch?: number
  /**
   * Initial weights. copy (default): copies of the experts that the texts use most, with noise, and half their router
   * rows, so that at first they are chosen now and then. random: small random weights, and the same router rows.
   */
  init?: Init
  /** Share of a step's tokens that are replayed text, from 0 to below 1. Default 0.5. */
  keep?: number
  /**
   * Routing loss. texts (default): draws new text to the new experts and keeps retained text away from them, so that
   * their router rows learn to tell the two apart. entropy: the load concentration of the ModuleFormer paper, which
   * draws load to the experts that have most. none: no routing loss.
   */
  balance?: BalanceKind
  /** Seed from 0 to 1e13. Default 0. The same options and seed give the same model with any number of threads. */
  seed?: number
  /** Resumes an interrupted training with the same options; `forget` may differ. */
  resume?: boolean
  /** Format to pack a checkpoint in. Default q4. */
  quant?: Quant
  threads?: number
  onEvent?: (event: TeachEvent) => void
  /**
   * Aborting it ends the training: the best state so far is calibrated and written, or a UserError reports that there
   * is none yet. After the training, the call rejects with a UserError. `resume` continues in both cases. Before the
   * first step, the call rejects with the signal's reason.
   */
  signal?: AbortSignal
}

export type Layers = 'all' | `last:${number}` | readonly number[]
export const INITS = ['copy', 'random'] as const
export type Init = (typeof INITS)[number]

export const BALANCES = ['texts', 'entropy', 'none'] as const
export type BalanceKind = (typeof BALANCES)[number]

/** Options that determine the result, with defaults filled in. */
export interface Settings {
  experts: number
  kind: MixtureKind
  layers: number[]
  epochs?: number
  steps?: number
  learningRate: number
  batch: number
  /** Most tokens of a sequence. */
  window: number
  init: Init
  keep: number
  balance?: Balance
  seed: number
  forget?: number
}

type Check = (name: string, value: unknown) => void

const oneOf =
  (values: readonly unknown[]): Check =>
  (name, value) =>
    checkOneOf(name, value, values)

const number =
  (range: string, fits: (value: number) => boolean): Check =>
  (name, value) => {
    if (value === undefined || (typeof value === 'number' && fits(value))) return
    throw new UsageError(phrase`${option(name)} must be ${range}, not ${shown(value)}`)
  }

const whole = (least: number, most?: number) =>
  number(
    `a whole number ${most === undefined ? `from ${least} on` : `from ${least} to ${most}`}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= (most ?? value),
  )

export const DEFAULT_BATCH = 2048
const LEAST_BATCH = 64
/** Highest value of `seed`: hundreds of seeds are derived from it (rehearsal.ts), and a double must hold each exactly. */
const MOST_SEED = 1e13

/** A `forget` of 0 cannot be met: anything learnt changes the predictions of retained text. */
export const checkForget = number('above 0 and 1 at most', (value) => value > 0 && value <= 1)

/** All options, with checks of what a caller without types may get wrong. */
const OPTIONS: Record<keyof TeachOptions, Check | true> = {
  out: true,
  texts: true,
  keepTexts: true,
  forget: checkForget,
  experts: whole(1, 1024),
  layers: true,
  only: oneOf(MIXTURE_KINDS),
  epochs: whole(1),
  steps: whole(1),
  learningRate: number('above 0', (value) => value > 0),
  batch: whole(LEAST_BATCH),
  init: oneOf(INITS),
  keep: number('from 0 to below 1', (value) => value >= 0 && value < 1),
  balance: oneOf(BALANCES),
  seed: whole(0, MOST_SEED),
  resume: oneOf([true, false]),
  quant: true,
  threads: true,
  onEvent: true,
  signal: true,
}

/** Throws a UsageError if an option is invalid for any model. */
export function checkTeachOptions(options: TeachOptions): void {
  checkOptionNames(options, OPTIONS, 'teach')
  const { out, texts } = options
  if (typeof out !== 'string' || out === '') throw new UsageError(phrase`${option('out')} must name a folder`)
  if (!Array.isArray(texts) || texts.length === 0) throw new UsageError('teaching needs a text')
  for (const [name, check] of Object.entries(OPTIONS)) {
    if (check !== true) check(name, options[name as keyof TeachOptions])
  }
}

/** Fills in the defaults. Throws a UserError if the model has no such layers or experts. */
export function settingsOf(options: Omit<TeachOptions, 'out'>, config: ModelConfig): Settings {
  const { batch = DEFAULT_BATCH, only: kind = mixtureOf(config, 'mlp') ? 'mlp' : 'attention' } = options
  return {
    experts: options.experts ?? 1,
    kind,
    layers: layersOf(options.layers ?? 'all', kind, config),
    epochs: options.epochs,
    steps: options.steps,
    learningRate: options.learningRate ?? 3e-3,
    batch,
    window: windowOf(batch, config.trainedContext || MOST_WINDOW),
    init: options.init ?? 'copy',
    keep: options.keep ?? 0.5,
    balance: TERMS[options.balance ?? 'texts'],
    seed: options.seed ?? 0,
    forget: options.forget,
  }
}

/** The batch as `wanted`, or the default, halved until the texts suffice. Throws a UserError if they do not. */
export function fitBatch(settings: Settings, wanted: number | undefined, available: number): Settings {
  if (wanted !== undefined && wanted > available) {
    throw new UserError(
      phrase`the texts have ${available} tokens to learn from, fewer than a ${option('batch')} of ${wanted}; give more text, or a smaller ${option('batch')}`,
    )
  }
  if (available < LEAST_BATCH) {
    throw new UserError(
      `the texts have ${available} tokens to learn from (a tenth is held out); at least ${LEAST_BATCH} are needed`,
    )
  }
  let { batch } = settings
  while (batch > available) batch /= 2
  return { ...settings, batch, window: windowOf(batch, settings.window) }
}

function windowOf(batch: number, most: number): number {
  return Math.min(MOST_WINDOW, Math.floor(batch / LEAST_SEQUENCES), most)
}

/** Routing losses, with the weights that worked best (docs/EXPERTS.md). */
const TERMS: Record<BalanceKind, Balance | undefined> = {
  texts: { kind: 'new-experts', weight: 2 },
  entropy: { kind: 'entropy', weight: 0.02 },
  none: undefined,
}

/** Most tokens of a sequence: longer ones teach no more, and attention's buffers grow with the square. */
const MOST_WINDOW = 256
/** Least sequences of a step: some of new text, some replayed. */
const LEAST_SEQUENCES = 4

function layersOf(wanted: Layers, kind: MixtureKind, config: ModelConfig): number[] {
  const counts = mixtureOf(config, kind)?.experts ?? []
  const able = [...counts.keys()].filter((layer) => counts[layer] > 0)
  if (able.length === 0) throw new UserError(`the model has no ${kind} experts`)
  if (wanted === 'all') return able
  if (typeof wanted === 'string') {
    const count = Number(/^last:(\d+)$/.exec(wanted)?.[1])
    if (!(count >= 1))
      throw new UsageError(phrase`${option('layers')} must be like 4,5 or last:8 or all, not ${shown(wanted)}`)
    if (count > able.length) {
      throw new UserError(`${wanted}: only ${able.length} layers of the model have ${kind} experts`)
    }
    return able.slice(-count)
  }
  if (!Array.isArray(wanted) || wanted.length === 0) {
    throw new UsageError(phrase`${option('layers')} must be a list of layers, last:8 or all, not ${shown(wanted)}`)
  }
  const bad = wanted.find((layer) => !(Number.isInteger(layer) && layer >= 0 && layer < config.layers))
  if (bad !== undefined) throw new UserError(`there is no layer ${bad}: the model has layers 0 to ${config.layers - 1}`)
  const dense = wanted.find((layer) => !able.includes(layer))
  if (dense !== undefined) throw new UserError(`layer ${dense} has no ${kind} experts`)
  return [...new Set(wanted)].sort((a, b) => a - b)
}
