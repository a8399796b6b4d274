import { fileNames } from './file-names.js'
import { SETTING_NAMES } from './settings.js'
import { MAP_MODES } from './token-map.js'

/** A command that is typed into the conversation. */
export interface SlashCommand {
  name: string
  /** What may follow it, as the help shows it. */
  argument?: string
  summary: string
  /** Words that can complete the argument. */
  choices?: readonly string[] | 'files' | 'models'
}

export const SLASH_COMMANDS: readonly SlashCommand[] = [
  { name: 'help', summary: 'keys and commands' },
  {
    name: 'map',
    argument: '[mode]',
    summary: 'the next form of the map, or: newest, usage, layer N, off',
    choices: MAP_MODES,
  },
  { name: 'play', argument: '[N]', summary: 'show the answer once more, token by token, N per second' },
  { name: 'pace', argument: '[N]', summary: 'answer with at most N tokens per second; off: as fast as it goes' },
  { name: 'experts', summary: 'how the answers have used the experts so far' },
  { name: 'system', argument: '[text]', summary: 'a text in front of the conversation; alone: none' },
  {
    name: 'set',
    argument: '[name value]',
    summary: 'an option of generation, as /set temperature 0.7',
    choices: SETTING_NAMES,
  },
  { name: 'continue', summary: 'go on with the last answer' },
  { name: 'retry', summary: 'answer the last question once more' },
  { name: 'undo', summary: 'take the last question back, to change it' },
  { name: 'reset', summary: 'forget the conversation' },
  { name: 'save', argument: 'FILE', summary: 'keep the conversation and its cache in a file', choices: 'files' },
  { name: 'save!', argument: 'FILE', summary: 'the same, in place of a file that is there', choices: 'files' },
  { name: 'load', argument: 'FILE', summary: 'go on with a saved conversation', choices: 'files' },
  { name: 'stats', summary: 'speed, memory, tokens' },
  { name: 'model', argument: 'NAME', summary: 'go on with another model', choices: 'models' },
  { name: 'history', argument: 'off', summary: 'keep nothing of what you type from now on', choices: ['off'] },
  { name: 'exit', summary: 'leave' },
]

/** The command that a line is, if it begins as one. */
export function parseSlash(line: string): { name: string; argument: string } | undefined {
  const [, name, argument = ''] = /^\/(\S*)(?:\s+([\s\S]*))?$/.exec(line) ?? []
  return name === undefined ? undefined : { name, argument: argument.trim() }
}

/** A way to complete what has been typed. */
export interface Suggestion {
  /** The whole line after taking it. */
  line: string
  label: string
  summary: string
}

/** Ways to complete a line that begins as a command; none for a line that is complete. */
export function suggest(line: string, models: readonly string[] = []): Suggestion[] {
  const [, typed] = /^\/([a-z]*!?)$/.exec(line) ?? []
  if (typed !== undefined) {
    const found = SLASH_COMMANDS.filter(({ name }) => name.startsWith(typed))
    if (found.length === 1 && found[0].name === typed) return []
    return found.map(({ name, argument, summary }) => ({
      line: argument === undefined ? `/${name}` : `/${name} `,
      label: argument === undefined ? `/${name}` : `/${name} ${argument}`,
      summary,
    }))
  }
  const [, name, word] = /^\/([a-z]+!?) +(\S*)$/.exec(line) ?? []
  const choices = SLASH_COMMANDS.find((command) => command.name === name)?.choices ?? []
  const words = choices === 'files' ? fileNames(word) : choices === 'models' ? models : choices
  return words
    .filter((choice) => choice.startsWith(word) && choice !== word)
    .map((choice) => ({ line: `/${name} ${choice}`, label: choice, summary: '' }))
}
