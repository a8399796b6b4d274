import type { HelpRow } from './items.js'
import { SLASH_COMMANDS } from './slash-commands.js'

export interface Help {
  rows: readonly HelpRow[]
  text: string
}

/** The answer to /help: the commands. */
export function commandHelp(isPlain = false): Help {
  const rows = SLASH_COMMANDS.filter(({ draws }) => !(draws && isPlain)).map(
    ({ name, argument, summary }): HelpRow => [`/${name}${argument === undefined ? '' : ` ${argument}`}`, summary],
  )
  return { rows, text: '/help keys lists the keys, and the file that keeps your input.' }
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
  const walk = isPlain ? '' : 'The walk needs an empty line. '
  const kept =
    historyPath === undefined
      ? 'None of your input is kept.'
      : `Your input is kept in ${historyPath}; --no-history or MOLM_HISTORY=0 keeps nothing.`
  return { rows: isPlain ? PLAIN_KEYS : KEYS, text: `${walk}${frame}\n${kept}` }
}

const KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Alt-Enter', 'new line; so does a final \\'],
  ['Tab', 'completes a command'],
  ['↑ ↓', 'earlier inputs'],
  ['Ctrl-R', 'searches them'],
  ['Ctrl-Y', 'inserts what you deleted'],
  ['Ctrl-L', 'draws the screen again'],
  ['Ctrl-C', 'stops; twice, leaves'],
  ['Ctrl-D, Ctrl-Z', 'leaves, suspends'],
  ['← →', 'walk over the tokens'],
  ['Ctrl-← Ctrl-→', 'walk over words'],
  ['Home, End', 'first and last token'],
  ['↑ ↓', 'the layer, in a walk'],
  ['Tab', 'its next chosen expert'],
  ['[ ]', 'all its experts'],
  ['Esc', 'ends the walk'],
]

/** Keys of a terminal that only takes lines. */
const PLAIN_KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Ctrl-C, Ctrl-D', 'leave'],
]
