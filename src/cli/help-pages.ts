import { type Command, Help } from 'commander'
import { writePrintable } from '../ground/output/write-printable.js'
import { wrapWords } from './io/output.js'
import { HELP } from './parsing/command-line.js'
import { FIRST } from './parsing/options.js'

/** Whether a command line asks for every option: `--help all`. */
export function asksForAll(words: readonly string[]): boolean {
  return words[words.findIndex((word) => HELP.includes(word)) + 1] === 'all'
}

/** Sets what the help pages of a program and of its commands show: the first options, or everything if `isWhole`. */
export function layOutHelp(program: Command, isWhole: boolean): Command {
  return program
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      visibleOptions(command) {
        const options = Help.prototype.visibleOptions.call(this, command)
        return isWhole ? options : options.filter(({ helpGroupHeading = FIRST }) => helpGroupHeading === FIRST)
      },
      // Examples, in the description, are lines of a shell.
      boxWrap(text, width) {
        const wrapped = (line: string) => Help.prototype.boxWrap.call(this, line, width)
        return text.replace(/^(?! {2}).+/gm, wrapped)
      },
    })
    .configureOutput({
      writeOut: (page) =>
        writePrintable(process.stdout, process.stdout.isTTY ? wrapWords(page, process.stdout.columns || 80) : page),
      outputError: () => {}, // main reports it
    })
    .addHelpText('afterAll', ({ command }) =>
      isWhole || command === program ? '' : `\n\`molm ${command.name()} --help all\` shows every option.`,
    )
}
