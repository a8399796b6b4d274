import { Argument, type Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { bashScript } from '../completion/bash.js'
import { type CompletedCommand, commandTree } from '../completion/command-tree.js'
import { fishScript } from '../completion/fish.js'
import { zshScript } from '../completion/zsh.js'
import { type OutputOptions, writeOut } from '../io/output.js'
import { addOutputOptions } from '../parsing/options.js'

export function define(command: Command): void {
  command
    .description(
      `Prints a script that completes commands, options, their values and names of models in a shell.\n${EXAMPLES}`,
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS).argParser(shellNamed))
    .action(complete)
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  eval "$(molm completion bash)"            in ~/.bashrc
  eval "$(molm completion zsh)"             in ~/.zshrc, after compinit
  molm completion fish > ~/.config/fish/completions/molm.fish`

function shellNamed(word: string): Shell {
  const shell = SHELLS.find((name) => name === word)
  if (shell) return shell
  throw new UsageError(`there is no completion for '${word}'; choose bash, zsh or fish`)
}

async function complete(shell: Shell, _options: OutputOptions, command: Command): Promise<void> {
  await writeOut(SCRIPTS[shell](commandTree(command.parent as Command)))
}

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

const SCRIPTS: Record<Shell, (commands: readonly CompletedCommand[]) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}
