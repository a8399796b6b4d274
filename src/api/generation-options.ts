import { UsageError } from '../ground/errors.js'
import { option, phrase } from '../ground/message.js'

/** Settings for the choice of the next token from the model's logits. */
export interface Sampling {
  /** Divides the logits: below 1 favours likely tokens, above 1 unlikely ones; 0 takes the likeliest. */
  temperature: number
  /** Keeps only the k likeliest tokens; 0 keeps all. */
  topK: number
  /** Keeps only the likeliest tokens that together reach this probability; 1 keeps all. */
  topP: number
  /** Keeps only tokens with at least this fraction of the probability of the likeliest; 0 keeps all. */
  minP: number
  /** Divides the positive and multiplies the negative logits of tokens that have occurred; 1 changes nothing. */
  repeatPenalty: number
  /** Whole number >= 0; the same seed gives the same text. Default: a random one, which the result reports. */
  seed: number
}

/** Names of the settings that change the model's own probabilities. */
type Filter = Exclude<keyof Sampling, 'seed'>

/** All settings of a generation's text. */
export interface GenerationSettings extends Sampling {
  /** Most tokens to generate. Default: the model's, else 256. */
  maxTokens: number
  /** Texts that end the generation and are not part of it; they may span tokens. Replaces the model's own. */
  stop: string[]
  /** Continue past the end-of-text token. */
  ignoreEos: boolean
  /**
   * Most positions in the context. A ModuleFormer forgets older ones; default: no limit. For a model with a limit of
   * its own (`config.maxPositions`), the text ends at the smaller of both.
   */
  context: number
  /**
   * Most tokens to draft at once from an earlier place of the text, in prompt lookup; 0 for none. Drafts that prove
   * right save time. The text is the same, and drafts are made only while they are expected to gain time.
   */
  promptLookupNumTokens: number
  /** Also report this number of the likeliest tokens in each step. */
  logprobs: number
}

export type OptionName = keyof GenerationSettings

/** Accepted values. */
interface Range<T> {
  /** Completes "temperature must be ...". */
  mustBe: string
  includes(value: unknown): value is T
}

/** Description of an option for the library, the command line, `/set` and generation_config.json. */
export interface GenerationOption<T = unknown> extends Range<T> {
  kind: 'number' | 'texts' | 'switch'
  /** Value if neither the user nor the model gives one. The seed has none: a new one is drawn each time. */
  default?: T
  /** Value that leaves the model's own text as it is. */
  off?: T
  /** The default in words, if its value would say little. */
  defaultInWords?: string
  help: string
  /** One-letter flag; the long one follows from the name. */
  short?: string
  /** Placeholder for the value in the help. */
  argument?: string
  /** Whether it is among the few options that a newcomer needs. */
  isFirst?: boolean
  /** Key in generation_config.json, and the range there if it differs. */
  config?: { key: string } & Partial<Range<unknown>>
  /** Whether `/set` accepts it in a conversation. */
  inChat?: boolean
  /** Whether it only adds to the report and leaves the text alone. */
  reports?: boolean
}

/** Every piece of text is searched for each stop string; more of them would take longer than the model. */
const MOST_STOPS = 1000

/**
 * Every option of a generation, in the order of the help pages. The sampling defaults are llama.cpp's. CONTRIBUTING.md
 * describes how to add one.
 */
export const GENERATION_OPTIONS: {
  readonly [K in OptionName]: GenerationOption<GenerationSettings[K]> &
    (K extends Filter ? { off: GenerationSettings[K] } : unknown)
} = {
  maxTokens: {
    ...wholeFrom(0),
    default: 256,
    help: 'maximum tokens to generate',
    short: 'n',
    argument: 'n',
    isFirst: true,
    // 0 runs the prompt alone, which is no sensible default.
    config: { key: 'max_new_tokens', ...wholeFrom(1) },
    inChat: true,
  },
  temperature: {
    ...numbers('a number not below 0', (value) => value >= 0 && value < Infinity),
    default: 0.8,
    off: 1,
    help: 'randomness; 0 always takes the most likely token',
    argument: 't',
    isFirst: true,
    config: { key: 'temperature' },
    inChat: true,
  },
  topK: {
    ...numbers('an integer not below 0 (0 for no limit)', (value) => Number.isSafeInteger(value) && value >= 0),
    default: 40,
    off: 0,
    help: 'sample from the k most likely tokens; 0 for all',
    argument: 'k',
    config: { key: 'top_k' },
    inChat: true,
  },
  topP: {
    ...fraction(),
    default: 0.95,
    off: 1,
    help: 'sample from the most likely tokens of total probability p',
    argument: 'p',
    config: { key: 'top_p' },
    inChat: true,
  },
  minP: {
    ...fraction(),
    default: 0.05,
    off: 0,
    help: 'sample from tokens at least p times as likely as the best',
    argument: 'p',
    config: { key: 'min_p' },
    inChat: true,
  },
  repeatPenalty: {
    ...numbers('a number above 0', (value) => value > 0 && value < Infinity),
    default: 1,
    off: 1,
    help: 'above 1, makes repeated tokens less likely',
    argument: 'x',
    config: { key: 'repetition_penalty' },
    inChat: true,
  },
  seed: {
    ...numbers(
      `an integer between 0 and ${Number.MAX_SAFE_INTEGER}`,
      (value) => Number.isSafeInteger(value) && value >= 0,
    ),
    defaultInWords: 'random',
    help: 'same seed, same text',
    argument: 'n',
    inChat: true,
  },
  stop: {
    kind: 'texts',
    mustBe: `at most ${MOST_STOPS} texts, none of them empty`,
    includes: isStops,
    default: [],
    off: [],
    help: 'end before this text (\\n: line break); repeatable',
    argument: 'text',
    inChat: true,
    config: {
      key: 'stop_strings',
      mustBe: `a text or a list of at most ${MOST_STOPS} texts`,
      includes: (value): value is string | string[] => isStops([value].flat()),
    },
  },
  ignoreEos: {
    kind: 'switch',
    mustBe: 'true or false',
    includes: (value) => typeof value === 'boolean',
    default: false,
    help: 'continue past the end-of-text token',
    inChat: true,
  },
  context: {
    ...wholeFrom(1),
    default: Number.MAX_SAFE_INTEGER,
    defaultInWords: 'all',
    help: 'use only the latest n tokens',
    argument: 'n',
    inChat: true,
  },
  promptLookupNumTokens: {
    ...wholeFrom(0),
    default: 15,
    help: 'draft at most n tokens from the text itself, while that saves time; 0 for none',
    argument: 'n',
    config: { key: 'prompt_lookup_num_tokens' },
    inChat: true,
  },
  logprobs: {
    ...wholeFrom(0),
    default: 0,
    help: 'add to JSON log-probabilities, also of the n most likely tokens',
    argument: 'n',
    reports: true,
  },
}

export const OPTION_NAMES = Object.keys(GENERATION_OPTIONS) as OptionName[]

/** The settings of a text by the model's own probabilities, whatever its generation_config.json says. */
export const UNFILTERED = Object.fromEntries(
  OPTION_NAMES.flatMap((name) => ('off' in GENERATION_OPTIONS[name] ? [[name, GENERATION_OPTIONS[name].off]] : [])),
) as Pick<GenerationSettings, Filter | 'stop'>

/**
 * Takes each option from the first of `sources` that has it, else its default. The last source must have a seed. Throws
 * a UsageError that names the first option outside its range.
 */
export function settle(...sources: Partial<GenerationSettings>[]): GenerationSettings {
  const chosenFor = (name: OptionName) =>
    sources.find((source) => (source[name] ?? undefined) !== undefined)?.[name] ?? GENERATION_OPTIONS[name].default
  const settings = pickOptions(chosenFor)
  checkOptions(settings)
  return settings as GenerationSettings
}

/** Picks the generation options from an object that may have other properties, such as a command's options. */
export function optionsIn(given: Partial<GenerationSettings>): Partial<GenerationSettings> {
  return pickOptions((name) => given[name])
}

/** Throws a UsageError that names the first option outside its range. Absent options pass. */
export function checkOptions(options: Partial<GenerationSettings>): void {
  for (const name of OPTION_NAMES) {
    const value: unknown = options[name]
    const { mustBe, includes } = GENERATION_OPTIONS[name]
    if (value === undefined || includes(value)) continue
    const said = value !== null && typeof value === 'object' ? '' : `, not ${JSON.stringify(value) ?? String(value)}`
    throw new UsageError(phrase`${option(name)} must be ${mustBe}${said}`)
  }
}

/** An option's name as users type it after -- or /set: max-tokens. */
export function typedName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function pickOptions(chosenFor: (name: OptionName) => unknown): Partial<GenerationSettings> {
  return Object.fromEntries(OPTION_NAMES.map((name) => [name, chosenFor(name)]))
}

function numbers(mustBe: string, includes: (value: number) => boolean): Range<number> & { kind: 'number' } {
  return {
    kind: 'number',
    mustBe,
    includes: (value): value is number => typeof value === 'number' && includes(value),
  }
}

function wholeFrom(least: number) {
  return numbers(`a whole number from ${least} on`, (value) => Number.isSafeInteger(value) && value >= least)
}

function fraction() {
  return numbers('between 0 and 1', (value) => value >= 0 && value <= 1)
}

function isStops(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length <= MOST_STOPS && value.every((text) => typeof text === 'string' && text !== '')
  )
}
