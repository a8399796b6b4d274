import { UsageError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { nearest } from '../../ground/spelling.js'
import { fileNames } from '../input/files.js'
import type { Suggestion } from '../input/input-line.js'
import { MAP_MODES } from '../map/token-map.js'
import { SETTING_NAMES, THINK_WORDS } from './state/settings.js'

export interface SlashCommand {
  name: string
  /** Names that other programs use. */
  aliases?: readonly string[]
  argument?: string
  summary: string
  choices?: readonly string[] | 'files' | 'models'
  /** The topic of /help that lists it, in place of /help itself. */
  topic?: 'answers' | 'conversations' | 'experts'
  draws?: true
  /** Whether it may run while an answer does. */
  anyTime?: true
}

/** Commands in the order of the help: in its two columns a term has at most 14 and a summary 22 columns. */
const COMMANDS = [
  { name: 'retry', aliases: ['regen'], summary: 'answer again' },
  { name: 'continue', summary: 'resume the answer' },
  { name: 'undo', summary: 'take the turn back' },
  { name: 'reset', aliases: ['clear', 'new'], summary: 'a new conversation' },
  { name: 'system', argument: '[text]', summary: 'show or set; off: none', choices: ['off'] },
  {
    name: 'set',
    argument: '[option]',
    summary: 'e.g. /set top-k 20',
    choices: [...SETTING_NAMES, 'think', 'think-budget', 'markdown'],
  },
  { name: 'copy', argument: '[code]', summary: 'copy the last answer', choices: ['code'], draws: true },
  { name: 'read', argument: 'FILE', summary: 'a file before a message', choices: 'files' },
  { name: 'edit', argument: '[text]', summary: 'write in your editor', draws: true, anyTime: true },
  { name: 'resume', argument: 'NAME', summary: 'a kept conversation' },
  { name: 'map', argument: '[form]', summary: 'next form of the map', choices: MAP_MODES, draws: true, anyTime: true },
  { name: 'play', summary: 'replay the answer', draws: true },
  { name: 'experts', summary: 'usage of the experts', anyTime: true },
  { name: 'stats', summary: 'speed, memory, tokens', anyTime: true },
  { name: 'model', argument: '[NAME]', summary: 'list, or change model', choices: 'models' },
  {
    name: 'help',
    aliases: ['?'],
    argument: '[topic]',
    summary: 'this, or of a topic',
    choices: ['conversations', 'answers', 'experts', 'keys'],
    anyTime: true,
  },
  { name: 'list', aliases: ['sessions', 'chats'], summary: 'kept conversations', topic: 'conversations' },
  { name: 'rename', argument: 'NAME', summary: 'name this one', topic: 'conversations' },
  {
    name: 'save',
    aliases: ['export'],
    argument: 'FILE',
    summary: '.md, .json or .html',
    choices: 'files',
    topic: 'conversations',
  },
  {
    name: 'save!',
    aliases: ['export!'],
    argument: 'FILE',
    summary: 'the same, and replace',
    choices: 'files',
    topic: 'conversations',
  },
  { name: 'load', argument: 'FILE', summary: 'resume a saved one', choices: 'files', topic: 'conversations' },
  {
    name: 'history',
    argument: 'off',
    summary: 'keep nothing more',
    choices: ['off'],
    topic: 'conversations',
    anyTime: true,
  },
  { name: 'think', argument: '[HOW]', summary: 'off, on, budget N ...', choices: THINK_WORDS, topic: 'answers' },
  { name: 'thoughts', summary: 'open the last ones', anyTime: true, topic: 'answers' },
  { name: 'schema', argument: '[JSON]', summary: 'answers in JSON; off', choices: 'files', topic: 'answers' },
  { name: 'tools', summary: 'tools of --mcp servers', anyTime: true, topic: 'answers' },
  { name: 'expert', argument: 'SPEC', summary: 'all about one expert', topic: 'experts', anyTime: true },
  { name: 'atlas', summary: 'texts of the names', topic: 'experts', anyTime: true },
  {
    name: 'colour',
    aliases: ['color'],
    argument: '[BY]',
    summary: 'colour the answers',
    choices: ['expert', 'surprise', 'sleepers', 'off'],
    topic: 'experts',
    draws: true,
  },
  { name: 'mask', argument: '[SPEC]', summary: 'switch experts off', topic: 'experts' },
  { name: 'unmask', argument: '[SPEC]', summary: 'switch them on again', topic: 'experts' },
  { name: 'steer', argument: '[FILE]', summary: 'push experts’ scores', choices: 'files', topic: 'experts' },
  { name: 'without', argument: 'SPEC', summary: 'or best: answer again', choices: ['best'], topic: 'experts' },
  { name: 'exit', aliases: ['quit', 'bye', 'q'], summary: 'leave', anyTime: true },
] as const satisfies readonly SlashCommand[]
export type CommandName = (typeof COMMANDS)[number]['name']
export const SLASH_COMMANDS: readonly SlashCommand[] = COMMANDS

/** The command in a line, by its main name; undefined if the line does not begin with a slash. */
export function parseSlash(line: string): { name: string; argument: string } | undefined {
  const [, typed, argument = ''] = /^\/(\S*)(?:\s+([\s\S]*))?$/.exec(line) ?? []
  if (typed === undefined) return undefined
  const name = SLASH_COMMANDS.find(({ aliases }) => aliases?.includes(typed))?.name ?? typed
  return { name, argument: argument.trim() }
}

export function commandOf(name: string): SlashCommand | undefined {
  return SLASH_COMMANDS.find((command) => command.name === name)
}

export function noCommand(name: string): UsageError {
  const names = SLASH_COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases])
  const meant = nearest(name, names, { isName: true })
  return new UsageError(`there is no command /${name}; ${meant ? `did you mean /${meant}?` : '/help lists them'}`)
}

/** Ways to complete a command; none if it is complete. */
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
  const choices = commandOf(name ?? '')?.choices ?? []
  const words = choices === 'files' ? fileNames(word) : choices === 'models' ? models : choices
  return words
    .filter((choice) => choice.startsWith(word) && choice !== word)
    .map((choice) => ({ line: `/${name} ${choice}`, label: printable(choice), summary: '' }))
}
