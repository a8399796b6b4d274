import { ASK_NAMES, ASK_OPTIONS, type Asking } from '../../../api/ask-options.js'
import { THINK_LEVELS, type Think } from '../../../api/chat-options.js'
import type { GenerateOptions } from '../../../api/generation.js'
import {
  GENERATION_OPTIONS,
  type GenerationSettings,
  OPTION_NAMES,
  typedName,
} from '../../../api/generation-options.js'
import type { Model } from '../../../api/model.js'
import { UsageError } from '../../../ground/errors.js'
import { decimal, plural } from '../../../ground/numbers.js'

/** Options of generation that a conversation can change. */
const SETTINGS = OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].inChat)

/** Other options of `molm chat` that errors name. */
const FLAGS: readonly string[] = [
  ...[...OPTION_NAMES, 'memory', 'threads', 'quant', 'mask', 'expertsPerToken', 'cacheType'],
  ...['system', 'prefill'],
  ...ASK_NAMES.filter((name) => 'flag' in ASK_OPTIONS[name]),
]

export type Settings = Partial<GenerationSettings>

/** Names of these options, as the user types them. */
export const SETTING_NAMES = SETTINGS.map(typedName)

/** Reads `temperature 0.7` or `temperature=0.7`. Throws a UsageError if the name or the value is wrong. */
export function parseSetting(text: string): Settings {
  const [, typed = '', value = ''] = /^([^\s=]*)[\s=]*([\s\S]*)$/.exec(text) ?? []
  const name = nameOf(typed)
  const { mustBe, includes, kind } = GENERATION_OPTIONS[name]
  const meant = readValue(value, kind)
  if (!includes(meant)) throw new UsageError(`${typed} must be ${mustBe}`)
  return { [name]: meant }
}

/** Whether a text is only the name of an option: the user asks for its value. */
export function isQuestion(text: string): boolean {
  return /^[^\s=]+$/.test(text)
}

/** Lists the options with their values, or only the option `typed`. */
export function listSettings(
  settings: Settings,
  { generationDefaults }: Pick<Model, 'generationDefaults'>,
  typed?: string,
): string {
  const wanted: Settings = generationDefaults
  const chosenFor = (name: (typeof SETTINGS)[number]) => {
    const { default: usual, defaultInWords } = GENERATION_OPTIONS[name]
    return inWords(settings[name] ?? wanted[name] ?? defaultInWords ?? usual)
  }
  const names = typed === undefined ? SETTINGS : [nameOf(typed)]
  return names.map((name) => `${typedName(name)} ${chosenFor(name)}`).join('\n')
}

/** The name of an option as the user types it: after /set, else on the command line. Undefined for names of others. */
export function typedHere(option: string): string | undefined {
  if ((SETTINGS as readonly string[]).includes(option)) return typedName(option)
  return FLAGS.includes(option) ? `--${typedName(option)}` : undefined
}

function nameOf(typed: string): (typeof SETTINGS)[number] {
  const name = SETTINGS.find((name) => typedName(name) === typed)
  if (!name) throw new UsageError(`there is no option '${typed}'; there are ${SETTING_NAMES.join(', ')}`)
  return name
}

function readValue(text: string, kind: 'number' | 'texts' | 'switch'): unknown {
  if (kind === 'number') return decimal(text)
  if (kind === 'switch') {
    if (text === 'true' || text === 'on') return true
    return text === 'false' || text === 'off' ? false : text
  }
  if (text === 'none') return []
  const bare = /^"(.*)"$/s.exec(text)?.[1] ?? text
  return [bare.replace(/\\n/g, '\n').replace(/\\t/g, '\t')]
}

function inWords(value: unknown): string {
  if (!Array.isArray(value)) return String(value)
  return value.length === 0 ? 'none' : value.map((text) => JSON.stringify(text)).join(' ')
}

export interface AnswerSettings {
  /** Options of generation: as set here, else as on the command line. */
  generation: GenerateOptions & Settings
  drawsMarkdown: boolean
}

export const THINK_WORDS = [...THINK_LEVELS, 'default', 'budget']

/** Reads `off`, `low`, `default`, `budget 200` or `budget off`. Throws a UsageError for other words. */
export function parseThink(argument: string): Pick<Asking, 'think' | 'thinkBudget'> {
  const [word, value, ...others] = argument.split(/[\s=]+/)
  const isAlone = value === undefined
  if (word === 'default' && isAlone) return { think: undefined, thinkBudget: undefined }
  if ((THINK_LEVELS as readonly string[]).includes(word) && isAlone) return { think: word as Think }
  const budget = value === 'off' ? undefined : decimal(value ?? '')
  const fits = budget === undefined || (Number.isSafeInteger(budget) && budget >= 0)
  if (word === 'budget' && fits && others.length === 0) return { thinkBudget: budget }
  throw new UsageError(`/think takes ${THINK_LEVELS.join(', ')}, default, budget N or budget off`)
}

/** How a model thinks, for the user: `thinking: off`. */
export function thinkInWords({ think, thinkBudget }: Asking): string {
  const level = think === undefined ? 'as the model does' : think
  return `thinking: ${level}${thinkBudget === undefined ? '' : `, at most ${plural(thinkBudget, 'token')}`}`
}
