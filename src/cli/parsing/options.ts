import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import {
  GENERATION_OPTIONS,
  type GenerationSettings,
  OPTION_NAMES,
  type OptionName,
  typedName,
} from '../../api/generation-options.js'
import type { CacheType, LoadOptions } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { decimal, plural } from '../../ground/numbers.js'
import { CACHE_TYPES, MAX_THREADS } from '../../library/packing/load-options.js'
import { QUANTS, type Quant } from '../../model/packing/format/formats.js'
import { note, type OutputOptions } from '../io/output.js'
import { defaults } from './defaults.js'
import { addExpertsPerToken } from './experts-per-token.js'

/** The model of a command, and how to load it. */
export interface ModelOptions extends OutputOptions {
  model?: string
  quant?: Quant
  threads?: number
  memory?: number
  expertsPerToken?: LoadOptions['expertsPerToken']
  cacheType?: CacheType
  /** Experts to switch off: specs, or files of them. */
  mask?: string[]
  /** Files of experts to steer. */
  steer?: string[]
  /** File of interventions. */
  intervene?: string
}

/** Heading of the options that a newcomer needs. Help pages show only these, and `--help all` shows all headings. */
export const FIRST = 'Options:'

/** Options of a generation; those not given are absent. */
export type GenerationOptions = Partial<GenerationSettings>

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('-q, --quiet', 'no warnings and no progress')
    .option('--verbose', 'print details, such as timings, to stderr')
    .option('--no-color', 'plain text, as if NO_COLOR were set')
}

export function addModelOption(command: Command): Command {
  return command.addOption(modelOption()).optionsGroup('Model:')
}

function modelOption(): Option {
  return new Option(
    '-m, --model <model>',
    'name, folder or file (default: $MOLM_MODEL or `molm config`, else nano)',
  ).helpGroup(FIRST)
}

export function addQuantOption(command: Command, what: string): Command {
  return command.addOption(new Option('--quant <format>', `${what} (default: q4; a GGUF file’s own)`).choices(QUANTS))
}

/** Mean bits of the experts' weights. */
export function bitsOption(): Option {
  const isInRange = (bits: number) => bits >= 2.5 && bits <= 8.5
  return new Option('--bits <b>', 'mean bits of the experts’ weights, from 2.5 to 8.5').argParser(
    numberThat('--bits', 'a number from 2.5 to 8.5', isInRange),
  )
}

export function addThreadsOption(command: Command): Command {
  return command.addOption(threadsOption())
}

function threadsOption(): Option {
  const option = new Option('-t, --threads <n>', 'number of threads (default: one per core)')
  return option.argParser(wholeNumber('--threads', 1, MAX_THREADS))
}

/** Adds the options of every command that runs a model. */
export function addModelOptions(command: Command): Command {
  return addLoadOptions(addModelOption(command))
}

/** Adds the options of a command that runs any number of models, whose names are a list. */
export function addModelsOptions(command: Command): Command {
  return addLoadOptions(addSeveralModelsOption(command))
}

export function addSeveralModelsOption(command: Command): Command {
  const option = modelOption()
  option.description = option.description.replace('(', '(repeatable; ')
  return command.addOption(option.argParser(collect)).optionsGroup('Model:')
}

function addLoadOptions(command: Command): Command {
  addThreadsOption(addQuantOption(command, 'weights in memory'))
  return addExpertsPerToken(addMemoryOption(command))
}

export function addMemoryOption(command: Command): Command {
  return command.option('--memory <size>', 'memory limit for weights, like 800MB (default: free memory)', parseMemory)
}

/** Adds the option of a preset, which `applySettings` reads. */
export function addPresetOption(command: Command): Command {
  return command.option('--preset <name>', 'take what `molm config save` has kept')
}

/** Adds --cache-type to a command whose sequences may be long. */
export function addCacheType(command: Command): Command {
  const what = 'keep keys and values in 16 or 8 bits (default: the model’s, 32 with f32 weights; docs/EVALUATION.md)'
  return command.addOption(new Option('--cache-type <type>', what).choices(CACHE_TYPES))
}

/** Adds the options of every command that generates text. */
export function addGenerationOptions(command: Command): Command {
  command.optionsGroup('Generation:')
  for (const name of OPTION_NAMES) if (!GENERATION_OPTIONS[name].reports) command.addOption(generationOption(name))
  for (const [flag, name] of FOREIGN_FLAGS) command.addOption(alsoCalled(flag, generationOption(name)))
  return command.addOption(alsoCalled('num-thread', threadsOption()))
}

/** Names of these options in llama.cpp and ollama. The help does not show them. */
const FOREIGN_FLAGS: readonly (readonly [flag: string, name: OptionName])[] = [
  ['temp', 'temperature'],
  ['n-predict', 'maxTokens'],
  ['predict', 'maxTokens'],
  ['num-predict', 'maxTokens'],
  ['draft', 'promptLookupNumTokens'],
  ['draft-max', 'promptLookupNumTokens'],
  ['ctx-size', 'context'],
  ['num-ctx', 'context'],
]

/** The same option under another flag. */
function alsoCalled(flag: string, option: Option): Option {
  const other = new Option(`--${flag} <value>`).hideHelp()
  return namedInLibrary(Object.assign(other, { parseArg: option.parseArg }), option.attributeName())
}

/** An option whose name in the library, used in messages, differs from its flag. */
export function namedInLibrary(option: Option, name: string): Option {
  return Object.assign(option, { attributeName: () => name })
}

/** The parser's form of an option of a generation. */
export function generationOption(name: OptionName): Option {
  const { kind, mustBe, includes, short, argument, help, isFirst } = GENERATION_OPTIONS[name]
  const flag = `--${typedName(name)}`
  const usual = defaultOf(name)
  const option = new Option(
    `${short ? `-${short}, ` : ''}${flag}${argument ? ` <${argument}>` : ''}`,
    usual === undefined ? help : `${help} (default: ${usual})`,
  )
  if (isFirst) option.helpGroup(FIRST)
  if (kind === 'switch') return option
  if (kind === 'number') {
    return option.argParser((text) => {
      const value = name === 'maxTokens' && text === '-1' ? NO_LIMIT : decimal(text)
      if (includes(value)) return value
      throw new UsageError(`${flag} must be ${mustBe}, not '${text}'`)
    })
  }
  return option.argParser((text, earlier: string[] = []) => {
    const texts = [...earlier, unescaped(text)]
    if (includes(texts)) return texts
    throw new UsageError(`${flag} must be ${mustBe}`)
  })
}

/** The default of an option in words; undefined if it says little. */
export function defaultOf(name: OptionName): string | undefined {
  const { kind, reports, config, defaultInWords, default: ours } = GENERATION_OPTIONS[name]
  const usual = defaultInWords ?? (kind === 'number' && !reports ? String(ours) : undefined)
  return config && usual !== undefined ? `the model’s, else ${usual}` : usual
}

/** The meaning of -1 in llama.cpp and ollama: generate up to the end of the text. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

/** Decodes the escapes \\n, \\r, \\t and \\\\ of a text typed on one line. */
function unescaped(text: string): string {
  return text.replace(/\\([nrt\\])/g, (_, letter: string) => ESCAPED[letter])
}

const ESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }

/** The variable or command that the name of the model comes from, if the command line has none. */
let nameFrom: string | undefined

/** Whether a note says that a folder has the name of the built-in model. */
let isNoted = false

/** Adds to a message about a model that its name comes from the environment or the settings: the user may have forgotten. */
export function withOrigin(message: string): string {
  const name = nameFrom && (process.env.MOLM_MODEL || defaults().model)
  return name && message.includes(name) ? message.replace(/$/m, ` (named by ${nameFrom})`) : message
}

/** The name of the model: `named` on the command line, else $MOLM_MODEL, else the settings' model, else nano. */
export function modelName(named: string | undefined): string {
  const name = process.env.MOLM_MODEL || defaults().model
  if (named === undefined && name) {
    nameFrom = process.env.MOLM_MODEL ? '$MOLM_MODEL' : '`molm config`'
    return name
  }
  if (named === 'nano' && !isNoted && existsSync(named)) {
    isNoted = true
    note('nano is the built-in model; ./nano is the folder here')
  }
  return named ?? 'nano'
}

/** Loading options of the library, without `onWarning` and `signal`. */
export function loadOptions(options: Omit<ModelOptions, 'model'>): LoadOptions {
  const { quant, threads, memory, expertsPerToken, cacheType } = options
  return { quant, threads, memory, expertsPerToken, cacheType }
}

/** Parser of a repeatable option: the values so far and the new one. */
export function collect(text: string, earlier: string[] = []): string[] {
  return [...earlier, text]
}

/** A parser of whole numbers from `least` to `most`. */
export function wholeNumber(flag: string, least: number, most = Infinity): (text: string) => number {
  const range = most === Infinity ? `from ${least} on` : `from ${least} to ${most}`
  const fits = (value: number) => Number.isSafeInteger(value) && value >= least && value <= most
  return numberThat(flag, `a whole number ${range}`, fits)
}

/** A parser of texts for which `parse` has a value; `mustBe` describes these in the message about others. */
export function parserOf<T>(flag: string, mustBe: string, parse: (text: string) => T | undefined): (text: string) => T {
  return (text) => {
    const value = parse(text)
    if (value !== undefined) return value
    throw new UsageError(`${flag} must be ${mustBe}, not '${text}'`)
  }
}

/** A parser of numbers that fit. */
export function numberThat(
  flag: string,
  mustBe: string,
  fits: (value: number) => boolean,
  parse: (text: string) => number = decimal,
): (text: string) => number {
  return parserOf(flag, mustBe, (text) => {
    const value = parse(text)
    return fits(value) ? value : undefined
  })
}

/** A parser of shares above 0 and at most 1, written as 0.5 or 50%. */
export function share(flag: string): (text: string) => number {
  return numberThat(
    flag,
    'a share above 0 and at most 1, like 0.5 or 50%',
    (value) => value > 0 && value <= 1,
    (text) => (text.endsWith('%') ? decimal(text.slice(0, -1).trimEnd()) / 100 : decimal(text)),
  )
}

/** Parses a size in bytes: 1GiB (1024^3), 800MB (1000^2) or a plain number. */
export function parseSize(flag: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text) ?? []
  const factor = UNITS[unit?.toLowerCase()]
  const bytes = Math.floor(Number(digits) * factor)
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new UsageError(`${flag} must be a size like 1GiB or 800MB, not '${text}'`)
}

const UNITS: Record<string, number> = {
  ...{ '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
}

/** Parses a time to milliseconds: 30s, 10m, 1h30m, or seconds without a unit; NaN for other texts. */
export function parseTime(text: string): number {
  const whole = /^\d+$/.test(text) ? `${text}s` : text
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(whole)) return Number.NaN
  const parts = whole.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)
  return [...parts].reduce((sum, [, number, unit]) => sum + Number(number) * MILLISECONDS[unit], 0)
}

const MILLISECONDS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3 }

/** Parses the size of --memory. Throws a UsageError for a tiny number without a unit, since the unit was forgotten. */
export function parseMemory(text: string): number {
  const bytes = parseSize('--memory', text)
  if (!/\d$/.test(text) || bytes >= LEAST_BYTES) return bytes
  const meant = `${text}${bytes < 100 ? 'GB' : 'MB'}`
  throw new UsageError(`--memory ${text} is ${plural(bytes, 'byte')}; did you mean ${meant}?`)
}

/** Fewer bytes than the weights of any model. */
const LEAST_BYTES = 2 ** 14
