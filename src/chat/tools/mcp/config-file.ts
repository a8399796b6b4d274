import { dirname, resolve } from 'node:path'
import { UserError } from '../../../ground/errors.js'
import { readBounded } from '../../../ground/files/bounded-file.js'
import { expandHome } from '../../../ground/files/home.js'
import { anyOf, isFlag, isNumber, isText, isWord, listOf, optional, valuesOf } from '../../../ground/json/forms.js'
import { isObject, parseJsonObject } from '../../../ground/json/json.js'
import { printable } from '../../../ground/printable.js'
import { nearest } from '../../../ground/spelling.js'
import type { McpServer } from './server.js'

/** Maximum bytes of a configuration file. */
const MOST_BYTES = 2 ** 20

/** In place of a name, all tools of a server. */
const ALL_TOOLS = '*'

/** Words of clients for a server that is started as a process. */
const STDIO_TYPES: readonly unknown[] = ['stdio', 'local']

/** Keys of a server that change what runs. Other programs have other keys, such as `description`. */
const KNOWN = ['command', 'args', 'env', 'cwd', 'type', 'disabled', 'enabled', 'tools']
const REFUSED = ['envFile', 'dev']

/**
 * Reads the servers of a configuration file in the form that Claude Desktop, Cursor and VS Code have: an object
 * `mcpServers` or `servers` with `command`, `args`, `env`, `cwd` and `tools` by name. Texts may contain `${NAME}`,
 * `${NAME:-default}` and `${env:NAME}`. Leaves out servers that are disabled or offer no tool. Rejects with a UserError that names the
 * file and the key.
 */
export async function readServers(path: string, env: NodeJS.ProcessEnv = process.env): Promise<McpServer[]> {
  const file = expandHome(path)
  const config = parseJsonObject(await readBounded(file, MOST_BYTES, 'a list of servers is short'), path)
  const key = ['mcpServers', 'servers'].find((key) => key in config)
  if (key === undefined) {
    throw new UserError(`${path}: has no "mcpServers": {"mcpServers": {"name": {"command": "...", "args": []}}}`)
  }
  const servers = config[key]
  if (!isObject(servers)) throw new UserError(`${path}: ${key} must be an object of servers by name`)
  return Object.entries(servers).flatMap(([name, server]) => {
    const reader = new ServerReader(`${path}: ${key}.${printable(name, 40)}`, env)
    return reader.read(name, server, dirname(resolve(file))) ?? []
  })
}

/** Reads one server. Errors begin with `source`. */
class ServerReader {
  constructor(
    private readonly source: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** Undefined if the server is disabled or offers no tool. A relative `cwd` counts from `folder`, which has the file. */
  read(name: string, server: unknown, folder: string): McpServer | undefined {
    if (!isObject(server)) throw this.error('must be an object with a "command"')
    if (server.disabled === true || server.enabled === false || isEmptyList(server.tools)) return undefined
    const { type = 'stdio', command, args = [], env = {}, cwd, tools } = server
    const isStdio = STDIO_TYPES.includes(type)
    if (server.url !== undefined || server.serverUrl !== undefined || !isStdio) {
      const kind = isStdio ? 'with a url' : `of type ${printable(JSON.stringify(type), 40)}`
      throw this.error(`is a server ${kind}; molm speaks to servers over stdio only, as to 'npx mcp-remote URL'`)
    }
    this.checkKeys(server)
    if (!isWord(command)) throw this.error('has no "command", a text')
    if (!listOf(isText)(args)) throw this.error('args must be a list of texts')
    if (!valuesOf(isPlain)(env)) throw this.error('env must be an object of texts by name')
    if (!optional(isText)(cwd)) throw this.error('cwd must be a text')
    if (!optional(listOf(isWord))(tools)) throw this.error('tools must be a list of names, or ["*"] for all')
    const program = expandHome(this.filled(command, 'command'))
    if (program === '') throw this.error('has no "command", a text')
    return {
      name,
      command: program,
      args: args.map((arg, i) => expandHome(this.filled(arg, `args[${i}]`))),
      env: Object.fromEntries(
        Object.entries(env).map(([key, value]) => [
          this.variable(key),
          this.filled(String(value), `env.${printable(key, 40)}`),
        ]),
      ),
      ...(cwd !== undefined && { cwd: resolve(folder, expandHome(this.filled(cwd, 'cwd'))) }),
      ...(tools !== undefined && !tools.includes(ALL_TOOLS) && { tools }),
    }
  }

  private checkKeys(server: Record<string, unknown>): void {
    for (const key of Object.keys(server)) {
      if (REFUSED.includes(key)) throw this.error(`${key} is not supported`)
      const meant = KNOWN.includes(key) ? undefined : nearest(key, KNOWN)
      if (meant) throw this.error(`has a key "${printable(key, 40)}"; did you mean "${meant}"?`)
    }
  }

  /** The name of an environment variable. */
  private variable(name: string): string {
    if (!/^[^=\0]+$/.test(name))
      throw this.error(`env has the name "${printable(name, 40)}", which no variable can have`)
    return name
  }

  /** Fills in the variables of a text. */
  private filled(text: string, key: string): string {
    if (text.includes('\0')) throw this.error(`${key} contains a zero byte`)
    // Behind the last brace is no variable; a search there could take very long.
    const end = text.lastIndexOf('}') + 1
    return this.filledVariables(text.slice(0, end), key) + text.slice(end)
  }

  private filledVariables(text: string, key: string): string {
    return text.replace(/\$\{([^}]*)\}/g, (variable: string, inner: string) => {
      const [, name, otherwise] = /^(?:env:)?([A-Za-z_]\w*)(?::-(.*))?$/.exec(inner) ?? []
      if (name === undefined) {
        throw this.error(`${key} has ${printable(variable, 60)}; only variables as \${HOME} are filled in`)
      }
      const value = this.env[name] || otherwise
      if (value === undefined)
        throw this.error(`${key} needs the environment variable ${printable(name, 60)}, which is not set`)
      return value
    })
  }

  private error(what: string): UserError {
    return new UserError(`${this.source} ${what}`)
  }
}

const isEmptyList = listOf(isText, { most: 0 })

/** A text, or a number or boolean, which other programs write as text. */
const isPlain = anyOf(isText, anyOf(isNumber, isFlag))
