import { Argument, type Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { SCRIPTS } from '../completion/scripts.js'
import { writeOut } from '../io/output.js'
import { addOutputOptions } from '../parsing/options.js'

export function define(command: Command): void {
  command
    .description(
      `Prints a script that completes commands, options, their values and names of models in a shell.\n${EXAMPLES}`,
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)).argParser(scriptFor))
    .action(writeOut)
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  eval "$(molm completion bash)"            in ~/.bashrc
  eval "$(molm completion zsh)"             in ~/.zshrc, after compinit
  molm completion fish > ~/.config/fish/completions/molm.fish`

function scriptFor(shell: string): string {
  const script = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1]
  if (script !== undefined) return script
  throw new UsageError(`there is no completion for '${shell}'; choose bash, zsh or fish`)
}
