import { type Command, Option } from 'commander'
import type { LoadOptions } from '../../api/model.js'
import { UsageError } from '../../errors.js'
import {
  GENERATION_OPTIONS,
  type GenerationSettings,
  OPTION_NAMES,
  type OptionName,
  typedName,
} from '../../generation-options.js'
import { MAX_THREADS } from '../../library/load-options.js'
import { decimal, plural } from '../../numbers.js'
import { QUANTS, type Quant } from '../../packing/format/formats.js'
import type { OutputOptions } from '../io/output.js'

/** Which model a command works on, and how it is loaded. */
export interface ModelOptions extends OutputOptions {
  model?: string
  quant?: Quant
  threads?: number
  memory?: number
}

/** Options of a generation as they were given; what was not given is absent. */
export type GenerationOptions = Partial<GenerationSettings>

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
  return command.addOption(new Option('--quant <format>', `${what} (default: q4)`).choices(QUANTS))
}

export function addThreadsOption(command: Command): Command {
  return command.addOption(threadsOption())
}

function threadsOption(): Option {
  const option = new Option('-t, --threads <n>', 'threads that compute (default: one per core)')
  return option.argParser(wholeNumber('--threads', 1, MAX_THREADS))
}

/** Options of every command that computes with a model. */
export function addModelOptions(command: Command): Command {
  addThreadsOption(addQuantOption(addModelOption(command), 'weights in memory'))
  return command.option('--memory <size>', 'memory limit for weights, like 800MB (default: free memory)', parseMemory)
}

/** Options of every command that generates text. */
export function addGenerationOptions(command: Command): Command {
  command.optionsGroup('Generation (the defaults are the model’s, else these):')
  for (const name of OPTION_NAMES) if (!GENERATION_OPTIONS[name].reports) command.addOption(generationOption(name))
  for (const [flag, name] of FOREIGN_FLAGS) command.addOption(alsoCalled(flag, generationOption(name)))
  return command.addOption(alsoCalled('num-thread', threadsOption()))
}

/** Names that llama.cpp and ollama have for some of them. The help leaves them out. */
const FOREIGN_FLAGS: readonly (readonly [flag: string, name: OptionName])[] = [
  ['temp', 'temperature'],
  ['n-predict', 'maxTokens'],
  ['predict', 'maxTokens'],
  ['num-predict', 'maxTokens'],
  ['ctx-size', 'context'],
  ['num-ctx', 'context'],
]

/** An option by another flag, which gives the same value. */
function alsoCalled(flag: string, option: Option): Option {
  const other = new Option(`--${flag} <value>`).hideHelp()
  return namedInLibrary(Object.assign(other, { parseArg: option.parseArg }), option.attributeName())
}

/** An option whose flag is another word than its name in the library, by which messages name it. */
export function namedInLibrary(option: Option, name: string): Option {
  return Object.assign(option, { attributeName: () => name })
}

/** An option of generation for the parser. */
export function generationOption(name: OptionName): Option {
  const { kind, mustBe, includes, short, argument, help, reports, ...rest } = GENERATION_OPTIONS[name]
  const flag = `--${typedName(name)}`
  const usual = rest.defaultInWords ?? (kind === 'number' && !reports ? rest.default : undefined)
  const option = new Option(
    `${short ? `-${short}, ` : ''}${flag}${argument ? ` <${argument}>` : ''}`,
    usual === undefined ? help : `${help} (default: ${usual})`,
  )
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

/** What -1 stands for in llama.cpp and ollama: tokens up to the end of the text. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

/** A text as it is typed where a line cannot be broken: \\n, \\r, \\t and \\\\ stand for what they do in most languages. */
function unescaped(text: string): string {
  return text.replace(/\\([nrt\\])/g, (_, letter: string) => ESCAPED[letter])
}

const ESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }

/** Whether it was the environment that named the model. */
let isFromEnvironment = false

/** A message about a model says so where its name comes from the environment, which its reader may have forgotten. */
export function tellOrigin(message: string): string {
  const name = isFromEnvironment ? process.env.MOLM_MODEL : undefined
  return name && message.includes(name) ? message.replace(/$/m, ' (named by $MOLM_MODEL)') : message
}

/** The model that a command works on: `named` on the command line, else by the environment, else nano. */
export function modelName(named: string | undefined): string {
  if (named !== undefined || !process.env.MOLM_MODEL) return named ?? 'nano'
  isFromEnvironment = true
  return process.env.MOLM_MODEL
}

/** The library's options for loading; `onWarning` and `signal` are the caller's affair. */
export function loadOptions({ quant, threads, memory }: ModelOptions): LoadOptions {
  return { quant, threads, memory }
}

/** What an option that may be repeated has been given so far. */
export function collect(text: string, earlier: string[] = []): string[] {
  return [...earlier, text]
}

/** A parser of whole numbers from `least` on, and up to `most` where there is such a bound. */
export function wholeNumber(flag: string, least: number, most = Infinity): (text: string) => number {
  const range = most === Infinity ? `from ${least} on` : `from ${least} to ${most}`
  return (text) => {
    const value = decimal(text)
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw new UsageError(`${flag} must be a whole number ${range}, not '${text}'`)
  }
}

/** A parser of shares above 0 and at most 1, which may be written as percent: 0.5, 50%. */
export function share(flag: string): (text: string) => number {
  return (text) => {
    const value = text.endsWith('%') ? decimal(text.slice(0, -1).trimEnd()) / 100 : decimal(text)
    if (value > 0 && value <= 1) return value
    throw new UsageError(`${flag} must be a share above 0 and at most 1, like 0.5 or 50%, not '${text}'`)
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

/** The size after --memory. Throws a UsageError for a bare number that is far too small, as its unit was forgotten. */
export function parseMemory(text: string): number {
  const bytes = parseSize('--memory', text)
  if (!/\d$/.test(text) || bytes >= LEAST_BYTES) return bytes
  const meant = `${text}${bytes < 100 ? 'GB' : 'MB'}`
  throw new UsageError(`--memory ${text} is ${plural(bytes, 'byte')}; did you mean ${meant}?`)
}

/** Fewer bytes of weights no model has. */
const LEAST_BYTES = 2 ** 14
