import type { Command } from 'commander'
import type { McpServer } from '../../chat/tools/mcp/server.js'
import { UsageError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { nearest } from '../../ground/spelling.js'
import { collect, wholeNumber } from './options.js'

/** Options of tools from MCP servers, as typed. */
export interface McpFlags {
  mcp?: string[]
  mcpConfig?: string[]
  mcpTools?: string[]
  mcpTimeout?: number
  yes?: string[]
}

/** Servers to start, tools to offer, and tools that run without a question. */
export interface McpOptions {
  servers: McpServer[]
  /** Time limit of a call, in ms. */
  callTime?: number
  isOffered(tool: string): boolean
  /** Whether a tool of this name may run without a question, as it was first offered. */
  isAllowed(tool: string): boolean
  /** Throws a UsageError if --mcp-tools names a tool that no server has, or --yes one that is not offered. */
  checkNames(tools: readonly { name: string }[]): void
}

/** Allows all tools. */
const ALL = 'all'

/** Adds the options of tools to a command that asks a model. */
export function addMcpOptions(command: Command): Command {
  return command
    .optionsGroup('Tools:')
    .option('--mcp <command>', 'start an MCP server, whose tools the model may call; repeatable', collect)
    .option('--mcp-config <file>', 'start the MCP servers of a JSON file: {"mcpServers": {...}}; repeatable', collect)
    .option('--mcp-tools <tools>', 'offer only these tools: names with commas', collectNames('--mcp-tools'))
    .option('--mcp-timeout <seconds>', 'maximum time of a call (default: 60)', wholeNumber('--mcp-timeout', 1))
    .option('--yes <tools>', 'run these tools without asking: names with commas, or all', collectNames('--yes'))
}

/**
 * Reads the options and configuration files; undefined if no server is named. Rejects with a UsageError or UserError
 * that names the option or the file.
 */
export async function readMcpOptions(flags: McpFlags): Promise<McpOptions | undefined> {
  const { mcp, mcpConfig, mcpTools, mcpTimeout, yes } = flags
  if (mcp === undefined && mcpConfig === undefined) {
    const useless = yes ? '--yes' : mcpTools ? '--mcp-tools' : mcpTimeout !== undefined ? '--mcp-timeout' : undefined
    if (useless) throw new UsageError(`${useless} is for the tools of --mcp or --mcp-config`)
    return undefined
  }
  const [{ serverFromCommand }, { readServers }] = await Promise.all([
    import('../../chat/tools/mcp/command-words.js'),
    import('../../chat/tools/mcp/config-file.js'),
  ])
  const typed = (mcp ?? []).map((line) => serverFromCommand(line, '--mcp'))
  const listed = await Promise.all((mcpConfig ?? []).map((path) => readServers(path)))
  const allowed = new Set(yes)
  const offered = mcpTools && new Set(mcpTools)
  const isOffered = (tool: string) => offered?.has(tool) ?? true
  return {
    servers: [...typed, ...listed.flat()],
    ...(mcpTimeout !== undefined && { callTime: mcpTimeout * 1000 }),
    isAllowed: (tool) => allowed.has(ALL) || allowed.has(tool),
    isOffered,
    checkNames(tools) {
      const names = tools.map(({ name }) => name)
      const named = [...allowed].filter((name) => name !== ALL)
      checkNames('--mcp-tools', [...(offered ?? [])], names)
      checkNames('--yes', named, names.filter(isOffered))
    },
  }
}

function checkNames(flag: string, given: readonly string[], names: readonly string[]): void {
  const unknown = given.find((name) => !names.includes(name))
  if (unknown === undefined) return
  const meant = nearest(unknown, names)
  const listed = `the tools are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', ...' : ''}`
  throw new UsageError(
    `${flag} ${printable(unknown)}: no server has this tool; ${meant ? `did you mean ${meant}?` : listed}`,
  )
}

/** Collects names from the lists with commas of an option. */
function collectNames(flag: string): (text: string, earlier?: string[]) => string[] {
  return (text, earlier = []) => {
    const names = text.split(',').map((name) => name.trim())
    if (names.includes('')) {
      throw new UsageError(`${flag} must be names of tools with commas between, not '${printable(text)}'`)
    }
    return [...earlier, ...names]
  }
}
