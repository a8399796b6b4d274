import type { Command } from 'commander'
import { COMMANDS } from './parsing/commands.js'
import { createProgram } from './program.js'

/** Columns of a help page in the docs, as in a terminal of the usual width. */
const WIDTH = 80

/** docs/CLI.md: the help of every command, as the commands print it. */
export async function helpAsMarkdown(): Promise<string> {
  const program = await createProgram(COMMANDS.map(({ name }) => name))
  const commands = COMMANDS.map(({ name }) => program.commands.find((command) => command.name() === name) as Command)
  const pages = [program, ...commands].map((command) => {
    const title = command === program ? 'molm' : `molm ${command.name()}`
    return `## ${title}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`
  })
  return `# Commands\n\nWritten by \`scripts/write-cli-help.mjs\` from the commands' own help.\n\n${pages.join('\n')}`
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (piece) => {
      text += piece
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text.trimEnd()
}
