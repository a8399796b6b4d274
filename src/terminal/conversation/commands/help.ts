import { UsageError } from '../../../ground/errors.js'
import { SLASH_COMMANDS, type SlashCommand } from '../slash-commands.js'
import type { HelpRow } from '../state/items.js'

export interface Help {
  rows: readonly HelpRow[]
  text: string
}

export interface HelpOptions {
  hasTemplate: boolean
  isPlain?: boolean
  /** File that keeps what the user types; absent if nothing is kept. */
  historyPath?: string
}

/** The answer to /help with this topic, '' without one: commands or keys, and a text. Throws a UsageError for others. */
export function helpOn(topic: string, { hasTemplate, isPlain = false, historyPath }: HelpOptions): Help {
  const commandRows = (isMeant = (command: SlashCommand) => command.topic === topic): HelpRow[] => {
    const commands = SLASH_COMMANDS.filter((command) => isMeant(command) && !(command.draws && isPlain))
    return commands.map(({ name, argument, summary }) => [`/${name}${argument ? ` ${argument}` : ''}`, summary])
  }
  const withKeys = (keys: readonly HelpRow[]) => (isPlain ? commandRows() : [...commandRows(), ...keys])
  switch (topic) {
    case '':
      return {
        rows: commandRows((command) => command.topic === undefined),
        text: 'More: /help conversations, /help answers, /help experts and /help keys.',
      }
    case 'conversations':
      return {
        rows: commandRows((command) => command.topic === topic || command.name === 'resume'),
        text: 'Chats are kept turn by turn; NAME is a name, an id or a number of /list.',
      }
    case 'answers':
      return {
        rows: withKeys(ANSWER_KEYS),
        text: 'HOW is off, on, low, medium, high, default, budget N or budget off.',
      }
    case 'experts': {
      const text = 'SPEC is LAYER:KIND:IDS, like 3:mlp:5,7-9 or 0:attention:2.'
      return { rows: withKeys(EXPERT_KEYS), text: isPlain ? text : `${text} The keys act during a walk.` }
    }
    case 'keys': {
      const frame = hasTemplate
        ? "The model's chat template frames the turns."
        : 'Without a chat template, turns are lines of User: and Assistant:.'
      const kept =
        historyPath === undefined
          ? 'None of your input is kept.'
          : `Your input is kept in ${historyPath}; --no-history or MOLM_HISTORY=0 keeps nothing.`
      return { rows: isPlain ? PLAIN_KEYS : KEYS, text: `${frame}\n${kept}` }
    }
    default:
      throw new UsageError('/help lists the commands; its topics are conversations, answers, experts and keys')
  }
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
  ['+ -', 'steer this one'],
  ['l', 'what experts say'],
  ['m', 'the ones that matter'],
]

/** Keys of a terminal that only takes lines. */
const PLAIN_KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Ctrl-C, Ctrl-D', 'leave'],
]
