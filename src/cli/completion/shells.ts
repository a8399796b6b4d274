import { bashScript } from './bash.js'
import type { CompletedCommand } from './command-tree.js'
import { fishScript } from './fish.js'
import { zshScript } from './zsh.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const SCRIPTS: Record<Shell, (commands: readonly CompletedCommand[]) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** The completion script of a shell for these commands. */
export function shellScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  return SCRIPTS[shell](commands)
}
