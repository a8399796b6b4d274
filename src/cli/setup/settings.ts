import { existsSync } from 'node:fs'
import { realpath, rename } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { GENERATION_OPTIONS, OPTION_NAMES, typedName } from '../../api/generation-options.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { expandHome, settingsPath } from '../../ground/files/home.js'
import { takeLock } from '../../ground/files/lock.js'
import { MOST_CONFIG_BYTES, readSmallFile } from '../../ground/files/small-file.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { anyOf, isFlag, isNumber, isText, listOf, valuesOf } from '../../ground/json/forms.js'
import { parseJsonObject } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { printable } from '../../ground/printable.js'
import { nearest } from '../../ground/spelling.js'
import { isShipped } from '../../library/folders/model-folders.js'
import { note } from '../io/output.js'
import { addSystemOption, namesFile } from '../parsing/conversation-options.js'
import { type Defaults, setDefaults, type Theme } from '../parsing/defaults.js'
import {
  addGenerationOptions,
  addMemoryOption,
  addModelOption,
  addThreadsOption,
  parserOf,
} from '../parsing/options.js'

/** Value of a setting as typed, or as JSON has it. */
export type SettingValue = string | number | boolean | string[]
/** Values by the names of their options: max-tokens. */
export type Settings = Record<string, SettingValue>

/** The settings file. */
export interface SettingsFile {
  settings: Settings
  presets: Record<string, Settings>
}

/** Adds an option for each setting that a preset can have, too. */
export function addSettingOptions(command: Command): Command {
  return addGenerationOptions(addSystemOption(addMemoryOption(addThreadsOption(addModelOption(command)))))
}

const THEMES: readonly Theme[] = ['dark', 'light']

/** Option of the terminal's background, which only the settings have. */
function themeOption(): Option {
  const parse = parserOf('theme', 'dark or light', (text) => THEMES.find((theme) => theme === text))
  return new Option('--theme <background>').argParser(parse)
}

const KNOWN = addSettingOptions(new Command()).addOption(themeOption()).options

/** Names of all settings, in the order of the lists. */
export const SETTING_NAMES: readonly string[] = [
  ...['model', 'system', 'threads', 'memory'],
  ...OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].inChat).map(typedName),
  'theme',
]

/** Names of the settings that a preset can have. */
export const PRESET_NAMES = SETTING_NAMES.filter((name) => name !== 'theme')

/** The option of a setting, by its name or by another tool's for it, such as num-ctx. */
export function findSetting(name: string): Option | undefined {
  return KNOWN.find((option) => option.long === `--${name}` && SETTING_NAMES.includes(nameOf(option)))
}

/** The option of a setting. Throws a UsageError that names the nearest, also of `others`, if there is none. */
export function settingNamed(name: string, others: readonly string[] = []): Option {
  const option = findSetting(name)
  if (option) return option
  const meant = nearest(name, [...SETTING_NAMES, ...others], { isName: true })
  const hint = meant ? `did you mean ${meant}?` : `there are ${SETTING_NAMES.join(', ')}`
  throw new UsageError(`there is no setting '${printable(name, 40)}'; ${hint}`)
}

export function nameOf(option: Option): string {
  return typedName(option.attributeName())
}

/** The value that an option has for a setting. Throws a UsageError as for the same text on the command line. */
export function parsedBy(option: Option, value: SettingValue): unknown {
  if (option.isBoolean()) {
    if (['true', 'false'].includes(String(value))) return String(value) === 'true'
    throw new UsageError(`${nameOf(option)} must be true or false, not '${value}'`)
  }
  const texts = [value].flat().map(String)
  return texts.reduce<unknown>((earlier, text) => (option.parseArg ? option.parseArg(text, earlier) : text), undefined)
}

/** Checks a typed value. Returns what the file keeps of it: numbers as such, and paths that are valid in any folder. */
export function checkedValue(option: Option, typed: string | string[], folder = '.'): SettingValue {
  const value = parsedBy(option, typed)
  if (Array.isArray(value)) return [typed].flat()
  const text = String(typed)
  if (nameOf(option) === 'model') return wordFrom(folder, text)
  if (nameOf(option) === 'system' && namesFile(text)) return `@${resolve(folder, expandHome(text.slice(1)))}`
  return typeof value === 'boolean' || String(value) === text ? (value as SettingValue) : text
}

/** A word for a model that means the same in any folder. */
function wordFrom(folder: string, word: string): string {
  const path = resolve(folder, expandHome(word))
  const isPath = /^(\.{0,2}|~)\/|^\.{1,2}$/.test(word) || existsSync(path)
  return isPath && !isShipped(word) ? path : word
}

/** Reads the settings file; nothing if there is none. Rejects with a UserError if it is no JSON of the right form. */
export async function readSettings(path = settingsPath()): Promise<SettingsFile> {
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  try {
    const { presets = {}, ...settings } = bytes ? parseJsonObject(bytes, path) : {}
    if (isSettings(settings) && isPresets(presets)) return { settings, presets }
    throw new UserError(`${path}: a setting is a text, a number, true, false or a list of texts`)
  } catch (error) {
    throw new DamagedSettings(`${(error as Error).message}\nmend the file, or \`molm config set\` puts it aside`)
  }
}

/** The file holds no settings, whatever is changed in it. */
class DamagedSettings extends UserError {}

const isSettings = valuesOf(anyOf(anyOf(isText, isNumber), anyOf(isFlag, listOf(isText))))
const isPresets = valuesOf(isSettings)

/** Milliseconds to wait for another process, which may have little of the processor. */
const PATIENCE_MS = 30_000

/** Changes the settings file as the only process. Puts a damaged file aside, and says so. */
export async function changeSettings(edit: (file: SettingsFile) => void, path = settingsPath()): Promise<void> {
  // The file may be a link to one that is kept elsewhere.
  const file = await realpath(path).catch(() => path)
  const lock = await takeLock(`${file}.lock`, `a change of ${path}`, PATIENCE_MS)
  try {
    const kept = await readSettings(file).catch((error: unknown) => {
      if (error instanceof DamagedSettings) return undefined
      throw error
    })
    const { settings, presets } = kept ?? { settings: {}, presets: {} }
    edit({ settings, presets })
    const text = JSON.stringify({ ...settings, ...(Object.keys(presets).length > 0 && { presets }) }, null, 2)
    if (Buffer.byteLength(text) >= MOST_CONFIG_BYTES) {
      throw new UserError(`${path}: would exceed 1 MiB; keep a long system text in a file, and give it as @FILE`)
    }
    if (!kept) await putAside(file)
    await writeAtomically(file, [`${text}\n`])
  } finally {
    await lock.release()
  }
}

async function putAside(path: string): Promise<void> {
  let aside = `${path}.damaged`
  for (let n = 2; existsSync(aside); n++) aside = `${path}.damaged-${n}`
  await rename(path, aside)
  note(`${path} was damaged and is now ${aside}; the settings are new`)
}

/** Finds a preset by its name. Throws a UsageError that names the nearest. */
function presetNamed({ presets }: SettingsFile, name: string): Settings {
  if (Object.hasOwn(presets, name)) return presets[name]
  const names = Object.keys(presets)
  const meant = nearest(name, names, { isName: true })
  const others = names.length > 0 ? `there are ${names.join(', ')}` : `\`molm config save ${name} ...\` makes it`
  throw new UsageError(`there is no preset '${printable(name, 40)}'; ${meant ? `did you mean ${meant}?` : others}`)
}

/** Values that no option has taken. */
type Left = Record<string, unknown> & Pick<Required<Defaults>, 'generation'>

/** Commands that generate text. In others, such as `molm teach`, options of the same names have other meanings. */
const GENERATING = ['run', 'chat', 'config']

/**
 * Gives the options of a command that were not typed the values of the preset that it names, and then of the settings file.
 * Model and system text of the file wait in `defaults`: the environment, and a conversation that is continued, come before
 * them. Rejects with a UserError that names the file, or a UsageError for an unknown preset.
 */
export async function applySettings(command: Command): Promise<void> {
  if (!command.options.some(({ flags }) => KNOWN.some((option) => option.flags === flags))) return
  const file = await readSettings()
  const { preset: name } = command.opts<{ preset?: string }>()
  const preset = name === undefined ? {} : presetNamed(file, name)
  const left: Left = { generation: {} }
  apply(command, preset, 'preset', left)
  apply(command, file.settings, 'settings', left)
  setDefaults(left as Defaults)
}

function apply(command: Command, settings: Settings, source: 'preset' | 'settings', left: Left): void {
  for (const [name, value] of Object.entries(settings)) {
    try {
      const known = settingNamed(name)
      const key = known.attributeName()
      const isOfText = OPTION_NAMES.some((option) => option === key)
      const waits = source === 'settings' && (key === 'model' || key === 'system')
      const takes = !waits && (!isOfText || GENERATING.includes(command.name()))
      const option = takes ? command.options.find(({ flags }) => flags === known.flags) : undefined
      if (option) give(command, option, parsedBy(option, value), source)
      else if (isOfText) left.generation = { [key]: parsedBy(known, value), ...left.generation }
      else left[key] ??= parsedBy(known, value)
    } catch (error) {
      throw error instanceof UsageError ? new UserError(phrase`${settingsPath()}: ${error}`) : error
    }
  }
}

/** Gives an option a value if it has none yet, but for its default. */
function give(command: Command, option: Option, value: unknown, source: string): void {
  const key = option.attributeName()
  const before = command.getOptionValueSource(key)
  if (before === undefined || before === 'default') command.setOptionValueWithSource(key, value, source)
}
