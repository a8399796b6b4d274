import type { Command } from 'commander'
import { UsageError } from '../errors.js'
import type { GenerateOptions, LoadOptions } from '../generation/types.js'
import { QUANTS, type Quant } from '../packing/format.js'
import { SAMPLING_RANGES } from '../sampling/options.js'

/** How a command speaks to the terminal. */
export interface OutputOptions {
  quiet?: boolean
  verbose?: boolean
  color?: boolean
}

/** Which model a command works on, and how it is loaded. */
export interface ModelOptions extends OutputOptions {
  model?: string
  quant?: Quant
  threads?: number
  memory?: number
}

/** Options of a generation as they were given; what was not given is absent. */
export interface GenerationOptions {
  maxTokens?: number
  temperature?: number
  topK?: number
  topP?: number
  minP?: number
  repeatPenalty?: number
  seed?: number
  stop?: string[]
  ignoreEos?: boolean
  context?: number
  logprobs?: number
}

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('-q, --quiet', 'no warnings and no progress')
    .option('--verbose', 'also tell how it went, on stderr')
    .option('--no-color', 'plain text, as with NO_COLOR set')
}

export function addModelOption(command: Command): Command {
  return command
    .optionsGroup('Model:')
    .option('-m, --model <model>', 'folder, file or name (default: $MOLM_MODEL, else nano)')
}

export function addQuantOption(command: Command, what: string): Command {
  return command.option('--quant <format>', `${what}: f32, q8 or q4 (default: q4)`, parseQuant)
}

export function addThreadsOption(command: Command): Command {
  return command.option('-t, --threads <n>', 'threads that compute (default: one a core)', parseThreads)
}

/** Options of every command that computes with a model. */
export function addModelOptions(command: Command): Command {
  addThreadsOption(addQuantOption(addModelOption(command), 'weights in memory'))
  return command.option('--memory <size>', 'most weights held, like 800MB (default: what is free)', parseMemory)
}

/** Options of every command that generates text. */
export function addGenerationOptions(command: Command): Command {
  return command
    .optionsGroup('Generation (the defaults are the model’s, else these):')
    .option('-n, --max-tokens <n>', 'most tokens to generate (default: 256)', wholeNumber('--max-tokens', 0))
    .option('--temperature <t>', '0 always takes the likeliest token (default: 0.8)', sampling('temperature'))
    .option('--top-k <k>', 'only the k likeliest tokens, 0 for all (default: 40)', sampling('topK'))
    .option('--top-p <p>', 'only the likeliest that make up p (default: 0.95)', sampling('topP'))
    .option('--min-p <p>', 'only those p times the likeliest (default: 0.05)', sampling('minP'))
    .option('--repeat-penalty <x>', 'above 1 shuns tokens that occurred (default: 1)', sampling('repeatPenalty'))
    .option('--seed <n>', 'same seed, same text (default: another each time)', sampling('seed'))
    .option('--stop <text>', 'end before this text; may be repeated', collectStop)
    .option('--ignore-eos', 'go on past the end-of-text token')
    .option('--context <n>', 'tokens remembered, the latest (default: all)', wholeNumber('--context', 1))
}

/** The model that a command works on: `named` on the command line, else by the environment, else nano. */
export function modelName(named: string | undefined): string {
  return named ?? (process.env.MOLM_MODEL || 'nano')
}

/** The library's options for loading; `onWarning` and `signal` are the caller's affair. */
export function loadOptions({ quant, threads, memory }: ModelOptions): LoadOptions {
  return { quant, threads, memory }
}

/** The library's options for generating; what is absent stays the model's default. */
export function generateOptions(options: GenerationOptions): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, ignoreEos, context, logprobs } = options
  return { maxTokens, temperature, topK, topP, minP, repeatPenalty, seed, stop, ignoreEos, context, logprobs }
}

/** A parser of whole numbers from `least` on. */
export function wholeNumber(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = decimal(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new UsageError(`${flag} must be a whole number from ${least} on, not '${text}'`)
  }
}

/** A parser of shares above 0 and at most 1. */
export function share(flag: string): (text: string) => number {
  return (text) => {
    const value = decimal(text)
    if (value > 0 && value <= 1) return value
    throw new UsageError(`${flag} must be a share above 0 and at most 1, not '${text}'`)
  }
}

/** Bytes of a size such as 1GiB (1024 to the third), 800MB (1000 to the second) or a plain number of bytes. */
export function parseSize(flag: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text) ?? []
  const factor = UNITS[unit?.toLowerCase()]
  const bytes = Math.floor(Number(digits) * factor)
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new UsageError(`${flag} must be a size like 1GiB or 800MB, not '${text}'`)
}

const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

function parseMemory(text: string): number {
  return parseSize('--memory', text)
}

/** The library's limit. */
const MOST_THREADS = 64

function parseThreads(text: string): number {
  const threads = decimal(text)
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return threads
  throw new UsageError(`--threads must be a whole number from 1 to ${MOST_THREADS}, not '${text}'`)
}

function parseQuant(text: string): Quant {
  const quant = QUANTS.find((name) => name === text)
  if (quant) return quant
  throw new UsageError(`--quant must be one of ${QUANTS.join(', ')}, not '${text}'`)
}

function sampling(option: keyof typeof SAMPLING_RANGES): (text: string) => number {
  const { flag, mustBe, includes } = SAMPLING_RANGES[option]
  return (text) => {
    const value = decimal(text)
    if (includes(value)) return value
    throw new UsageError(`${flag} must be ${mustBe}, not '${text}'`)
  }
}

function collectStop(text: string, earlier: string[] = []): string[] {
  if (text === '') throw new UsageError('--stop must be a text of at least one character')
  return [...earlier, text]
}

/** A number written in decimals; NaN for all else, the empty text and other notations among it. */
function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
}
