import { UsageError } from '../errors.js'
import type { GenerateOptions, Model } from '../generation/types.js'
import { DEFAULT_SAMPLING, SAMPLING_RANGES } from '../sampling/options.js'

/** Options of generation that can be changed in a conversation, by the names they have on the command line. */
const SETTINGS = {
  temperature: 'temperature',
  'top-k': 'topK',
  'top-p': 'topP',
  'min-p': 'minP',
  'repeat-penalty': 'repeatPenalty',
  seed: 'seed',
  'max-tokens': 'maxTokens',
  context: 'context',
} as const satisfies Record<string, keyof GenerateOptions>

type SettingName = keyof typeof SETTINGS
export type Settings = Pick<GenerateOptions, (typeof SETTINGS)[SettingName]>

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** Reads `temperature 0.7`; throws a UsageError that says what is wrong with it. */
export function parseSetting(text: string): Settings {
  const [name, value, ...rest] = text.split(/[\s=]+/)
  const option = SETTINGS[name as SettingName]
  if (!option) throw new UsageError(`there is no option '${name}'; there are ${SETTING_NAMES.join(', ')}`)
  const number = value === undefined || value === '' || rest.length > 0 ? NaN : Number(value)
  const { mustBe, includes } = option === 'maxTokens' || option === 'context' ? WHOLE : SAMPLING_RANGES[option]
  if (Number.isNaN(number) || !includes(number)) throw new UsageError(`${name} must be ${mustBe}`)
  return { [option]: number }
}

/** Every option with the value that holds. */
export function listSettings(settings: Settings, { generationDefaults }: Pick<Model, 'generationDefaults'>): string {
  const defaults: Settings = { ...DEFAULT_SAMPLING, ...generationDefaults }
  const line = (name: SettingName) => `${name} ${settings[SETTINGS[name]] ?? defaults[SETTINGS[name]] ?? UNSET[name]}`
  return SETTING_NAMES.map(line).join('\n')
}

const UNSET: Partial<Record<SettingName, string>> = {
  seed: 'another each time',
  'max-tokens': '256',
  context: 'no limit',
}

const WHOLE = {
  mustBe: 'a whole number above 0',
  includes: (value: number) => Number.isSafeInteger(value) && value > 0,
}
