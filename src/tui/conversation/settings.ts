import type { Model } from '../../api/model.js'
import { UsageError } from '../../errors.js'
import { GENERATION_OPTIONS, type GenerationSettings, OPTION_NAMES, typedName } from '../../generation-options.js'
import { decimal } from '../../numbers.js'

/** Options of generation that a conversation can change. */
const SETTINGS = OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].inChat)

/** Other options of `molm chat` that errors name. */
const FLAGS: readonly string[] = [
  ...OPTION_NAMES,
  'memory',
  'threads',
  'quant',
  'mask',
  'expertsPerToken',
  'cacheType',
].concat(['system', 'prefill', 'think', 'thinkBudget', 'schema', 'grammar', 'regex'])

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

/**
 * The name of an option as the user types it: after /set if that can change it, else on the command line. Undefined for
 * other names, such as keywords of a schema.
 */
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
  if (kind === 'switch')
    return text === 'true' || text === 'on' ? true : text === 'false' || text === 'off' ? false : text
  if (text === 'none') return []
  const bare = /^"(.*)"$/s.exec(text)?.[1] ?? text
  return [bare.replace(/\\n/g, '\n').replace(/\\t/g, '\t')]
}

function inWords(value: unknown): string {
  if (!Array.isArray(value)) return String(value)
  return value.length === 0 ? 'none' : value.map((text) => JSON.stringify(text)).join(' ')
}
