import { readdir, stat } from 'node:fs/promises'
import { Command, type Option } from 'commander'
import { expandHome } from '../../ground/files/home.js'
import { writeOut } from '../io/output.js'
import { commandNamed } from '../parsing/command-line.js'
import { COMMANDS, type LoadCommand } from '../parsing/commands.js'

/** A text that a shell may put in place of the last word. */
interface Offer {
  word: string
  description?: string
}

const HELP: Offer[] = ['-h', '--help'].map((word) => ({ word, description: 'print this help' }))

/** Commands that follow `molm`. */
const FIRST_WORDS: Offer[] = [
  ...COMMANDS.map(({ name, summary }) => ({ word: name, description: summary })),
  { word: 'help', description: 'print the help of a command' },
]

/**
 * Prints what may take the place of the last of the words after `molm`: a line each, a description after a tab. A shell
 * chooses what begins as the word does. If nothing is printed, it offers files.
 */
export async function complete(words: readonly string[], load: LoadCommand): Promise<void> {
  const offers = await offersFor(words.slice(0, -1), words.at(-1) ?? '', load)
  await writeOut(offers.map(({ word, description = '' }) => `${word}\t${description}\n`).join(''))
}

async function offersFor(before: readonly string[], word: string, load: LoadCommand): Promise<Offer[]> {
  const called = before.find((word) => word === 'help' || commandNamed(word))
  if (called === 'help') return FIRST_WORDS.filter(({ word }) => word !== 'help')
  const [, joined, typed = word] = /^(--[^=]+)=(.*)$/s.exec(word) ?? []
  const flag = joined ?? before.at(-1)
  const mayBeOption = [word, flag].some((word) => word?.startsWith('-'))
  // The file of a command takes longer to read than all else.
  if (called === undefined && !mayBeOption) return FIRST_WORDS
  const name = commandNamed(called) ?? 'run'
  const command = new Command(name)
  ;(await load(name)).define(command)
  const option = command.options.find(({ short, long }) => flag !== undefined && [short, long].includes(flag))
  if (option && takesValue(option)) {
    const values = await valuesOf(option.flags.replace(/^.*[<[]/, ''), option.argChoices, typed)
    return joined === undefined ? values : values.map((offer) => ({ ...offer, word: `${joined}=${offer.word}` }))
  }
  if (word.startsWith('-')) return [...command.options.flatMap(offersOf), ...HELP]
  if (called === undefined) return FIRST_WORDS
  const [argument] = command.registeredArguments
  return argument ? valuesOf(argument.name(), argument.argChoices, word) : []
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional
}

function offersOf({ hidden, short, long, description }: Option): Offer[] {
  return hidden ? [] : [short, long].flatMap((word) => (word === undefined ? [] : { word, description }))
}

/** Values of an option or argument, by its name in the help: `model`, `repo`, `file...`. */
async function valuesOf(name: string, choices: readonly string[] | undefined, typed: string): Promise<Offer[]> {
  if (choices) return choices.map((word) => ({ word }))
  if (!/model|^repo$|^name$/i.test(name)) return []
  const { listModels } = await import('../../library/installed-models.js')
  const models = await listModels()
  return [...models.map(({ name }) => name), ...(await modelsIn(typed))].map((word) => ({ word }))
}

/** Folders and GGUF files in the folder of a path that is being typed. */
async function modelsIn(typed: string): Promise<string[]> {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  const showsHidden = typed.slice(folder.length).startsWith('.')
  const found: string[] = []
  for (const entry of await readdir(expandHome(folder || '.')).catch(() => [])) {
    if (entry.startsWith('.') && !showsHidden) continue
    const info = await stat(expandHome(folder + entry)).catch(() => undefined)
    if (info?.isDirectory()) found.push(`${folder}${entry}/`)
    else if (/\.gguf$/i.test(entry)) found.push(folder + entry)
  }
  return found
}
