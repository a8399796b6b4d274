import type { HelpRow } from './items.js'
import { SLASH_COMMANDS, type SlashCommand } from './slash-commands.js'

export interface Help {
  rows: readonly HelpRow[]
  text: string
}

/** The answer to /help: the commands, but those of its topics. */
export function commandHelp(isPlain = false): Help {
  const rows = commandRows(({ topic }) => topic === undefined, isPlain)
  return { rows, text: 'More: /help conversations, /help answers, /help experts and /help keys.' }
}

/** The answer to /help conversations: commands that save, list and resume them. */
export function conversationHelp(isPlain = false): Help {
  const rows = commandRows(({ topic, name }) => topic === 'conversations' || name === 'resume', isPlain)
  return { rows, text: 'Chats are kept turn by turn; NAME is a name, an id or a number of /list.' }
}

/** The answer to /help answers: commands about thoughts, tools and the form of answers. */
export function answerHelp(isPlain = false): Help {
  const rows = commandRows(({ topic }) => topic === 'answers', isPlain)
  const text = 'HOW is off, on, low, medium, high, default, budget N or budget off.'
  return { rows: isPlain ? rows : [...rows, ...ANSWER_KEYS], text }
}

/** The answer to /help experts: commands and keys about single experts. */
export function expertHelp(isPlain = false): Help {
  const rows = commandRows(({ topic }) => topic === 'experts', isPlain)
  const text = 'SPEC is LAYER:KIND:IDS, like 3:mlp:5,7-9 or 0:attention:2.'
  if (isPlain) return { rows, text }
  return { rows: [...rows, ...EXPERT_KEYS], text: `${text} The keys act during a walk.` }
}

function commandRows(isMeant: (command: SlashCommand) => boolean, isPlain: boolean): HelpRow[] {
  return SLASH_COMMANDS.filter((command) => isMeant(command) && !(command.draws && isPlain)).map(
    ({ name, argument, summary }) => [`/${name}${argument === undefined ? '' : ` ${argument}`}`, summary],
  )
}

export interface KeyHelpOptions {
  /** Whether the model has a chat template. */
  hasTemplate: boolean
  isPlain?: boolean
  /** File that keeps what the user types; absent if nothing is kept. */
  historyPath?: string
}

/** The answer to /help keys: the keys, how turns are written for the model, and what is kept. */
export function keyHelp({ hasTemplate, isPlain = false, historyPath }: KeyHelpOptions): Help {
  const frame = hasTemplate
    ? "The model's chat template frames the turns."
    : 'Without a chat template, turns are lines of User: and Assistant:.'
  const kept =
    historyPath === undefined
      ? 'None of your input is kept.'
      : `Your input is kept in ${historyPath}; --no-history or MOLM_HISTORY=0 keeps nothing.`
  return { rows: isPlain ? PLAIN_KEYS : KEYS, text: `${frame}\n${kept}` }
}

const KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Alt-Enter', 'new line, or \\ Enter'],
  ['Tab', 'completes a command'],
  ['↑ ↓', 'earlier inputs'],
  ['Ctrl-R', 'searches them'],
  ['Ctrl-T', 'opens thoughts'],
  ['Ctrl-X Ctrl-E', 'opens your editor'],
  ['Ctrl-Y', 'inserts deleted text'],
  ['Ctrl-L', 'draws the screen again'],
  ['Ctrl-C', 'stops; twice, leaves'],
  ['Ctrl-D, Ctrl-Z', 'leaves, suspends'],
  ['← →', 'walk, with no input'],
  ['Ctrl-← Ctrl-→', 'walk over words'],
  ['Home, End', 'first and last token'],
  ['↑ ↓', 'the layer, in a walk'],
  ['Esc', 'stops; ends the walk'],
]

const ANSWER_KEYS: readonly HelpRow[] = [
  ['Ctrl-T', 'the same as /thoughts'],
  ['y n a', 'run a tool, or always'],
]

const EXPERT_KEYS: readonly HelpRow[] = [
  ['Tab', 'next chosen expert'],
  ['[ ]', 'all of the layer'],
  ['x', 'this one off or on'],
]

/** Keys of a terminal that only takes lines. */
const PLAIN_KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Ctrl-C, Ctrl-D', 'leave'],
]
