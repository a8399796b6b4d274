import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ConnectOptions, connectServers, type McpConnections } from '#molm/chat/tools/mcp/connect-servers.js'
import type { McpServer } from '#molm/chat/tools/mcp/server.js'
import { until } from '../../../support/until.js'

const scriptPath = (name: string): string => fileURLToPath(new URL(`../../../support/${name}`, import.meta.url))

/** The server of the official SDK. It writes to `log` what happens to it. */
export function sdkServer(log?: string): McpServer {
  return { name: 'sdk', command: process.execPath, args: [scriptPath('mcp-server.js'), ...(log ? [log] : [])] }
}

/** A server with this fault. */
export function hostileServer(fault: string): McpServer {
  return { name: 'hostile', command: process.execPath, args: [scriptPath('hostile-mcp-server.js'), fault] }
}

/** Runs `use` with servers and the notes about them, and ends them. */
export async function withServers(
  servers: readonly McpServer[],
  use: (connections: McpConnections, notes: string[]) => Promise<void>,
  options: Partial<ConnectOptions> = {},
): Promise<void> {
  const notes: string[] = []
  const connections = await connectServers(servers, { version: '1', onNote: (note) => notes.push(note), ...options })
  try {
    await use(connections, notes)
  } finally {
    await connections.close()
  }
}

/** Whether the system shows processes that have left the group of a server. */
export const SHOWS_PROCESSES = existsSync('/proc/self/environ')

/** Calls a tool. */
export async function call(
  { tools }: McpConnections,
  name: string,
  args: Record<string, unknown> = {},
  signal?: AbortSignal,
): Promise<string> {
  const tool = tools.find((tool) => tool.name === name)
  if (!tool) throw new Error(`no tool ${name}`)
  return tool.run(args, { id: 'call_1', signal })
}

/** Resolves once a process has ended. Its parent may have to collect it first. */
export function hasEnded(pid: number, what: string): Promise<void> {
  return until(() => !isRunning(pid), `the end of ${what}`)
}

function isRunning(pid: number): boolean {
  try {
    // A process that has ended may wait to be collected by a parent that never does.
    const stat = existsSync('/proc/self/stat') ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ''
    if (/\) Z /.test(stat)) return false
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
