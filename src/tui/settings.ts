import { UsageError } from '../errors.js'
import type { Model } from '../generation/types.js'
import { GENERATION_OPTIONS, type GenerationSettings, OPTION_NAMES, typedName } from '../generation-options.js'
import { decimal } from '../numbers.js'

/** Options of generation that can be changed in a conversation. */
const SETTINGS = OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].inChat)

export type Settings = Partial<GenerationSettings>

/** Their names as they are typed. */
export const SETTING_NAMES = SETTINGS.map(typedName)

/** Reads `temperature 0.7`; throws a UsageError that says what is wrong with it. */
export function parseSetting(text: string): Settings {
  const [typed, value, ...rest] = text.split(/[\s=]+/)
  const name = SETTINGS.find((name) => typedName(name) === typed)
  if (!name) throw new UsageError(`there is no option '${typed}'; there are ${SETTING_NAMES.join(', ')}`)
  const number = rest.length > 0 ? NaN : decimal(value ?? '')
  const { mustBe, includes } = GENERATION_OPTIONS[name]
  if (!includes(number)) throw new UsageError(`${typed} must be ${mustBe}`)
  return { [name]: number }
}

/** Every option with the value that holds. */
export function listSettings(settings: Settings, { generationDefaults }: Pick<Model, 'generationDefaults'>): string {
  const chosen: Settings = { ...generationDefaults, ...settings }
  const chosenFor = (name: (typeof SETTINGS)[number]) => {
    const { default: usual, defaultInWords } = GENERATION_OPTIONS[name]
    return chosen[name] ?? defaultInWords ?? usual
  }
  return SETTINGS.map((name) => `${typedName(name)} ${chosenFor(name)}`).join('\n')
}

/** An option as it is typed here: after /set where it can be changed, else as on the command line. */
export function typedHere(option: string): string {
  return (SETTINGS as readonly string[]).includes(option) ? typedName(option) : `--${typedName(option)}`
}
