import { UsageError } from '../errors.js'

/** How the next token is chosen from the model's logits. */
export interface SamplingOptions {
  /** Divides the logits before the softmax: below 1 the likely gets likelier, above 1 less so; 0 takes the likeliest. */
  temperature: number
  /** Only the k likeliest tokens; 0 for all. */
  topK: number
  /** Only the likeliest tokens that together reach this probability; 1 for all. */
  topP: number
  /** Only tokens at least this many times as probable as the likeliest; 0 for all. */
  minP: number
  /** Makes tokens that have occurred less likely; 1 for no difference. */
  repeatPenalty: number
  /** Where the random numbers start, an integer 0 ... 2^53 - 1. */
  seed: number
}

/** What holds where neither the user nor the model's generation_config.json says otherwise: llama.cpp's defaults. */
export const DEFAULT_SAMPLING: Omit<SamplingOptions, 'seed'> = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
}

interface Range {
  /** The option as it is written on the command line. */
  flag: string
  /** Completes "--flag must be ...". */
  mustBe: string
  includes(value: number): boolean
}

const isFraction = (value: number) => value >= 0 && value <= 1

/** The values that each option may take. */
export const SAMPLING_RANGES: Record<keyof SamplingOptions, Range> = {
  temperature: {
    flag: '--temperature',
    mustBe: 'a number not below 0',
    includes: (value) => value >= 0 && value < Infinity,
  },
  topK: {
    flag: '--top-k',
    mustBe: 'an integer not below 0 (0 for no limit)',
    includes: (value) => Number.isSafeInteger(value) && value >= 0,
  },
  topP: { flag: '--top-p', mustBe: 'between 0 and 1', includes: isFraction },
  minP: { flag: '--min-p', mustBe: 'between 0 and 1', includes: isFraction },
  repeatPenalty: {
    flag: '--repeat-penalty',
    mustBe: 'a number above 0',
    includes: (value) => value > 0 && value < Infinity,
  },
  seed: {
    flag: '--seed',
    mustBe: `an integer between 0 and ${Number.MAX_SAFE_INTEGER}`,
    includes: (value) => Number.isSafeInteger(value) && value >= 0,
  },
}

/** Throws a UsageError that names the first option outside its range; absent options pass. */
export function checkSampling(options: Partial<SamplingOptions>): void {
  for (const name of Object.keys(SAMPLING_RANGES) as (keyof SamplingOptions)[]) {
    const value: unknown = options[name]
    const { flag, mustBe, includes } = SAMPLING_RANGES[name]
    if (value !== undefined && !(typeof value === 'number' && includes(value))) {
      throw new UsageError(`${flag} must be ${mustBe}, not ${JSON.stringify(value) ?? String(value)}`)
    }
  }
}
