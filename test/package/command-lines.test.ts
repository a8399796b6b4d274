import { readdirSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spelledOut } from '#molm/cli/parsing/command-line.js'
import type { CommandName } from '#molm/cli/parsing/commands.js'
import { commandFirst, createProgram, loadCommand } from '#molm/cli/program.js'
import { repositoryPath } from '../support/fixtures.js'

/* The command lines of the documents are parsed, and not run: their options exist and go together. */

const PAGES = ['README.md', ...readdirSync(repositoryPath('docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)

interface CommandLine {
  place: string
  words: string[]
}

/** The command lines of code blocks, which are fenced or indented. */
function commandLinesOf(page: string): CommandLine[] {
  let isFenced = false
  let begun = ''
  return readFileSync(repositoryPath(page), 'utf8')
    .split('\n')
    .flatMap((line, i) => {
      if (/^\s*```/.test(line)) isFenced = !isFenced
      if (!isFenced && !line.startsWith('    ')) return []
      const whole = begun + line.trim()
      begun = whole.endsWith('\\') ? whole.slice(0, -1) : ''
      if (begun) return []
      return commandsIn(whole).map((words) => ({ place: `${page}:${i + 1}: ${whole}`, words }))
    })
}

/** A word of a shell, a sign that ends a command, or the space before a remark. */
const TOKEN = /((?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\|&;<>()#]|(?<=\S)#)+)|[|&;<>()]+|#.*| {2,}|\s/g

/** Words after each `molm` at the beginning of a command. */
function commandsIn(line: string): string[][] {
  const commands: string[][] = []
  let words: string[] | undefined
  let isFirst = true
  for (const [token, word] of line.replace(/^\$ /, '').matchAll(TOKEN)) {
    if (word === undefined) {
      if (token === ' ') continue
      words = undefined
      isFirst = /[|&;(]/.test(token)
    } else if (words) words.push(word.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g, '$1$2$3'))
    else if (isFirst && word === 'molm') {
      words = []
      commands.push(words)
    } else isFirst &&= /^\w+=/.test(word)
  }
  return commands
}

function withoutActions(command: Command): void {
  command.action(() => {}).configureOutput({ writeOut() {}, writeErr() {} })
  for (const inner of command.commands) withoutActions(inner)
}

/** Error of a command line that molm refuses. */
async function refusalOf(given: readonly string[]): Promise<string | undefined> {
  const words = spelledOut(await commandFirst(given, loadCommand))
  const program = await createProgram([words[0] as CommandName])
  for (const command of program.commands) withoutActions(command)
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    const { message } = error as Error
    // A help page has been printed, or the option's file is the reader's.
    return /^\(outputHelp\)$|: no such file$/.test(message) ? undefined : message
  }
}

test('every command line of the documents is one that molm takes', async () => {
  const lines = PAGES.flatMap(commandLinesOf)
  assert.ok(lines.length > 150, `${lines.length} lines were found`)
  const refused: string[] = []
  for (const { place, words } of lines) {
    const refusal = await refusalOf(words)
    if (refusal !== undefined) refused.push(`${place}: ${refusal}`)
  }
  assert.equal(refused, [])
})

test.run()
