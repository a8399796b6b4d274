import { Argument, type Command, type Option } from 'commander'
import { GENERATION_OPTIONS, type GenerationSettings, type OptionName } from '../../../api/generation-options.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { settingsPath } from '../../../ground/files/home.js'
import { alignColumns } from '../../../ground/output/table.js'
import { printable } from '../../../ground/printable.js'
import { nearest } from '../../../ground/spelling.js'
import { loadGenerationDefaults } from '../../../text/generation-config.js'
import { note, type OutputOptions, writeJson, writeOut } from '../../io/output.js'
import { shellWord } from '../../io/shell-word.js'
import { background, defaults } from '../../parsing/defaults.js'
import { addOutputOptions, addPresetOption, defaultOf } from '../../parsing/options.js'
import {
  addSettingOptions,
  applySettings,
  changeSettings,
  checkedValue,
  findSetting,
  nameOf,
  PRESET_NAMES,
  readSettings,
  SETTING_NAMES,
  type Settings,
  type SettingValue,
  settingNamed,
} from '../../setup/settings.js'

interface ConfigOptions extends OutputOptions {
  preset?: string
  modelfile?: string
  json?: boolean
}

/** A command line of an action. */
interface Called {
  name: string
  values: string[]
  options: ConfigOptions
  command: Command
}

const ACTIONS = { get, set, unset, save }

type Action = keyof typeof ACTIONS

export function define(command: Command): void {
  command
    .description(
      'Shows the settings with the source of each value, and changes what stays, in a small JSON file. A preset ' +
        `has a model, a system text and options under one name, for --preset.\n${EXAMPLES}`,
    )
    .addArgument(
      new Argument('[action]', 'default: show all settings').choices(Object.keys(ACTIONS)).argParser(actionNamed),
    )
    .argument('[name]', 'a setting, which `molm config` lists, or a preset')
    .argument('[value...]', 'for set: the value')
    .addHelpText('after', NOTES)
    .action((action: Action | undefined, name: string | undefined, values: string[], options: ConfigOptions) => {
      if (action === undefined) return list(command, options)
      if (name === undefined) throw new UsageError(`molm config ${action} needs a name; see molm config --help`)
      if (values.length > 0 && action !== 'set') throw new UsageError(`molm config ${action} takes one name`)
      return ACTIONS[action]({ name, values, options, command })
    })
    .option('-f, --modelfile <file>', 'with save: a Modelfile of ollama')
    .option('--json', 'print one object')
  addPresetOption(command)
  for (const option of addSettingOptions(command).options) {
    if (!PRESET_NAMES.includes(nameOf(option))) continue
    option.helpGroup('With save, values of the preset; else to see what a command would take:')
    option.argParser(keepTyped(option))
  }
  addOutputOptions(command)
}

const NOTES = `
Settings: model, system, threads, memory, theme (dark or light), and the options
of a generation, such as temperature and max-tokens.

An option comes first, then a preset, a variable (MOLM_MODEL), the file, the
model's own default, molm's. A conversation that is continued keeps its model
and system text. The file is config.json in MOLM_HOME if that is set, else in
molm in XDG_CONFIG_HOME (default: ~/.config).`

const EXAMPLES = `
Examples:
  molm config
  molm config set temperature 0.2
  molm config set system "Answer in one sentence."
  molm config unset system
  molm config save pirate -s "You are a pirate." --temperature 1
  molm config save support -f ./Modelfile
  molm chat --preset pirate`

function actionNamed(word: string): Action {
  const known = Object.keys(ACTIONS) as Action[]
  const action = known.find((name) => name === word)
  if (action) return action
  const meant = nearest(word, known)
  throw new UsageError(
    `molm config has no '${printable(word, 40)}'; ${meant ? `did you mean ${meant}?` : `it has ${known.join(', ')}`}`,
  )
}

/** A parser that checks a text and keeps it as typed, as the file does. */
function keepTyped({ parseArg }: Option) {
  return (text: string, earlier?: unknown): unknown => {
    const value = parseArg ? parseArg(text, undefined) : text
    return Array.isArray(value) ? [...((earlier as string[] | undefined) ?? []), text] : text
  }
}

/** A setting, its value and its source, in words. */
type Row = [name: string, value: string, from: string]

/** All settings, as a command with the same options would have them. */
async function rowsOf(command: Command): Promise<Row[]> {
  await applySettings(command)
  const { preset } = command.opts<ConfigOptions>()
  const sources: Record<string, string> = { cli: 'option', preset: `preset ${preset}`, settings: 'file' }
  const chosen = (name: string): Row | undefined => {
    const key = settingNamed(name).attributeName()
    const source = sources[command.getOptionValueSource(key) ?? '']
    if (source) return [name, inWords(command.getOptionValue(key)), source]
    if (name === 'model' && process.env.MOLM_MODEL) return [name, process.env.MOLM_MODEL, '$MOLM_MODEL']
    const kept = (defaults() as Record<string, unknown>)[name]
    return kept === undefined ? undefined : [name, inWords(kept), 'file']
  }
  const own = await ownDefaults(chosen('model')?.[1] ?? 'nano')
  return SETTING_NAMES.map((name) => chosen(name) ?? usual(name, own))
}

/** Options that a model asks for. Undefined if it is not here, or has them only in the header of a GGUF file. */
async function ownDefaults(named: string) {
  const { resolveModel } = await import('../../../library/finding/resolve-model.js')
  try {
    const { name: model, folder, kind } = await resolveModel(named)
    return kind === 'gguf' ? undefined : { model, wanted: await loadGenerationDefaults(folder) }
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

/** Value of a setting that nothing names. */
function usual(name: string, own: Awaited<ReturnType<typeof ownDefaults>>): Row {
  const words: Record<string, string> = { model: 'nano', threads: 'one per core', memory: 'free memory', system: '' }
  if (name in words || name === 'theme') return [name, words[name] ?? background(), 'default']
  const key = settingNamed(name).attributeName() as OptionName
  const wanted = (own?.wanted as Partial<GenerationSettings> | undefined)?.[key]
  if (own && wanted !== undefined) return [name, inWords(wanted), `default of ${own.model}`]
  const { default: ours, defaultInWords = inWords(ours) } = GENERATION_OPTIONS[key]
  return [name, own ? defaultInWords : (defaultOf(key) ?? defaultInWords), 'default']
}

function inWords(value: unknown): string {
  return Array.isArray(value) ? value.map(shellWord).join(' ') : String(value)
}

async function list(command: Command, { json, quiet }: ConfigOptions): Promise<void> {
  const rows = await rowsOf(command)
  const { presets } = await readSettings()
  if (json) {
    const settings = Object.fromEntries(rows.map(([name, value, from]) => [name, { value, from }]))
    return writeJson({ file: settingsPath(), settings, presets })
  }
  const all = [...rows, ...Object.entries(presets).map(([name, preset]) => [`preset ${name}`, typed(preset), 'file'])]
  const printed = all.map((row) => row.map((cell) => printable(cell, process.stdout.isTTY ? MOST_SHOWN : Infinity)))
  if (!process.stdout.isTTY) return writeOut(printed.map((row) => `${row.join('\t')}\n`).join(''))
  await writeOut(alignColumns(printed))
  if (!quiet) note(`the file is ${settingsPath()}`)
}

/** Characters of a value in a table. */
const MOST_SHOWN = 48

async function get({ name, command }: Called): Promise<void> {
  const { presets } = await readSettings()
  if (Object.hasOwn(presets, name)) return writeOut(`${printable(typed(presets[name]), Infinity)}\n`)
  const wanted = nameOf(settingNamed(name, Object.keys(presets)))
  const row = (await rowsOf(command)).find(([name]) => name === wanted)
  if (row?.[1]) await writeOut(`${row[1]}\n`)
}

async function set({ name, values, options }: Called): Promise<void> {
  const option = settingNamed(name)
  const isList = nameOf(option) === 'stop'
  if (values.length === 0)
    throw new UsageError(`molm config set ${name} needs a value; 'molm config unset' removes one`)
  if (values.length > 1 && !isList) throw new UsageError(`molm config set ${name} takes one value: write it in quotes`)
  const value = checkedValue(option, isList ? values : values[0])
  await changeSettings(({ settings }) => {
    settings[nameOf(option)] = value
  })
  await noteIfAbsent(nameOf(option) === 'model' ? value : undefined, options)
}

async function unset({ name }: Called): Promise<void> {
  await changeSettings(({ settings, presets }) => {
    if (Object.hasOwn(presets, name)) delete presets[name]
    // An unknown name may be there all the same, from an editor.
    else delete settings[Object.hasOwn(settings, name) ? name : nameOf(settingNamed(name, Object.keys(presets)))]
  })
}

async function save({ name, options, command }: Called): Promise<void> {
  if (!/^\w[\w.-]{0,63}$/.test(name) || name === '__proto__' || findSetting(name)) {
    throw new UsageError(`'${printable(name, 40)}' is no name for a preset; use letters and digits, and no setting`)
  }
  const { modelfile, quiet } = options
  const { readModelfile } = await import('./modelfile.js')
  const { preset, notes } = modelfile === undefined ? { preset: {}, notes: [] } : await readModelfile(modelfile)
  const values: Settings = preset
  for (const key of PRESET_NAMES) {
    const option = settingNamed(key)
    const attribute = option.attributeName()
    if (command.getOptionValueSource(attribute) !== 'cli') continue
    values[key] = checkedValue(option, command.getOptionValue(attribute))
  }
  if (Object.keys(values).length === 0) {
    throw new UsageError(`molm config save ${name} needs options, like -m MODEL or -s TEXT, or -f MODELFILE`)
  }
  await changeSettings(({ presets }) => {
    presets[name] = values
  })
  if (!quiet) for (const line of notes) note(line)
  await noteIfAbsent(values.model, options)
}

/** A preset as options on a command line. */
function typed(preset: Settings): string {
  const options = Object.entries(preset).flatMap(([name, value]) => [value].flat().map((one) => [`--${name}`, one]))
  return options.map(([flag, value]) => (value === true ? flag : `${flag} ${shellWord(String(value))}`)).join(' ')
}

/** Says how to get a model that is not here: it may be pulled later. */
async function noteIfAbsent(model: SettingValue | undefined, { quiet }: OutputOptions): Promise<void> {
  if (model === undefined || quiet) return
  const { resolveModel } = await import('../../../library/finding/resolve-model.js')
  try {
    await resolveModel(String(model))
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    note(`kept, but ${error.message}`)
  }
}
