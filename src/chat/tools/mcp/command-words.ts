import { UsageError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { printable } from '../../../ground/printable.js'
import type { McpServer } from './server.js'

/** Characters that a shell acts on. Here no shell runs. */
const OPERATORS = '|&;<>()$`'
const OPERATORS_ON_WINDOWS = '|&<>'
/** Those that it acts on within double quotes, too. */
const QUOTED_OPERATORS = '$`'

/** Programs that start another one, which gives the server its name. */
const LAUNCHERS =
  /^(npx|pnpx|bunx|uvx|pipx|npm|pnpm|yarn|bun|uv|node|deno|tsx|python[\d.]*|py|docker|podman|sh|bash|cmd)$/
/** Words of launchers before the program. */
const LAUNCHER_WORDS = /^(exec|dlx|run|x|tool|create|compose)$/

/**
 * Reads a command line as a shell does, without one: words with quotes, and environment variables before the command
 * (`KEY=value npx server`). Throws a UsageError that begins with `source` for what needs a shell.
 */
export function serverFromCommand(line: string, source: string, platform = process.platform): McpServer {
  const words = commandWords(line, source, platform === 'win32')
  const start = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word))
  if (start < 0) throw new UsageError(`${source}: there is no command in '${printable(line)}'`)
  const env = words.slice(0, start).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)])
  const [command, ...args] = words.slice(start).map(expandHome)
  if (command === '') throw new UsageError(`${source}: the command in '${printable(line)}' is empty`)
  if (/^https?:/i.test(command)) {
    throw new UsageError(
      `${source}: '${printable(command)}' is an address, not a command; 'npx mcp-remote URL' speaks to a remote server`,
    )
  }
  if (/\.json$/i.test(command)) {
    throw new UsageError(`${source}: '${printable(command)}' is no command; --mcp-config reads the servers of a file`)
  }
  return { name: nameOf(command, args), command, args, ...(start > 0 && { env: Object.fromEntries(env) }) }
}

/** Words of a command line, with quotes and backslashes; on Windows these belong to paths, unless a quote follows. */
function commandWords(line: string, source: string, isWindows: boolean): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote: string | undefined
  const operators = isWindows ? OPERATORS_ON_WINDOWS : OPERATORS
  const letters = Array.from(line)
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]
    const next = letters[i + 1]
    if (letter === '\\' && quote !== "'" && isEscape(next, quote, isWindows)) {
      word = (word ?? '') + next
      i++
    } else if (quote === undefined && /\s/.test(letter)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (letter === quote) {
      quote = undefined
    } else if (quote === undefined && (letter === '"' || letter === "'")) {
      quote = letter
      word ??= ''
    } else if (
      operators.includes(letter) &&
      (quote === undefined || (quote === '"' && QUOTED_OPERATORS.includes(letter)))
    ) {
      throw new UsageError(
        `${source}: no shell reads '${printable(line)}', so ${letter} has no effect; put it in '...', or write sh -c '...'`,
      )
    } else word = (word ?? '') + letter
  }
  if (quote !== undefined) throw new UsageError(`${source}: '${printable(line)}' has a quote that does not end`)
  return word === undefined ? words : [...words, word]
}

function isEscape(next: string | undefined, quote: string | undefined, isWindows: boolean): boolean {
  if (next === undefined) return false
  if (isWindows) return next === '"'
  return quote === undefined || '"\\$`'.includes(next)
}

/** Name of a server from its command: `filesystem` for `npx -y @modelcontextprotocol/server-filesystem /tmp`. */
function nameOf(command: string, args: readonly string[]): string {
  const own = plainName(command)
  if (!LAUNCHERS.test(own)) return own
  const program = args.find((arg) => !arg.startsWith('-') && !LAUNCHER_WORDS.test(arg))
  return (program && plainName(program)) || own
}

/** Last part of a path or package that says more than `dist/index.js`, without the words that all servers have. */
function plainName(path: string): string {
  const parts = path.replace(/\.(exe|cmd|bat|[cm]?[jt]s|py|sh)$/i, '').split(/[\\/]+/)
  const names = parts.map((part) => part.replace(/(?<=.)[@:].*$/, '').replace(/[^A-Za-z0-9_-]+/g, '-'))
  const telling = names.filter((name) => /[A-Za-z0-9]/.test(name) && !GENERIC.test(name)).at(-1)
  const name = telling ?? names.at(-1) ?? ''
  const short = name.replace(/^(mcp-server|server|mcp)-(?=.)/i, '').replace(/(?<=.)-(mcp-server|server|mcp)$/i, '')
  return short.slice(0, LONGEST_NAME)
}

const GENERIC = /^(index|main|server|mcp|mcp-server|app|cli|start|src|dist|build|bin|lib|out)$/i

/** Most characters of a server's name: the name of a tool has room for it and 40 more. */
const LONGEST_NAME = 24
