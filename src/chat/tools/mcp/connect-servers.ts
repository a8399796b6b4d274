import type { Tool } from '../../../api/chat-options.js'
import { printable } from '../../../ground/printable.js'
import { McpClient } from './client.js'
import type { McpServer } from './server.js'
import { formOf } from './tool-list.js'
import { ToolNames } from './tool-names.js'

/** Time limits in ms. */
const START_TIME = 30_000
const CALL_TIME = 60_000

export interface ConnectOptions {
  /** Version of molm, which the servers get. */
  version: string
  /** Time limit of each server's start, in ms. Default: 30 s. */
  startTime?: number
  /** Time limit of a call, in ms. Default: 60 s. */
  callTime?: number
  /** Ends the start. Each call has its own signal. */
  signal?: AbortSignal
  /** Receives notes for the user: a server that ends, its faults, and tools that change. They are printable. */
  onNote?: (note: string) => void
}

export interface ServerTool extends Tool {
  /** Name of the server, printable. */
  server: string
  readonly hasEnded: boolean
  /** Whether it has another description or other parameters than when it was first offered. */
  isChanged: boolean
  run: (args: Record<string, unknown>, call: { id: string; signal?: AbortSignal }) => Promise<string>
}

export interface McpConnections {
  /** Tools of all servers, with names that differ. The list changes when a server changes its own. */
  readonly tools: readonly ServerTool[]
  /** Ends the servers, and all that they have started. */
  close(): Promise<void>
}

/**
 * Starts MCP servers over stdio and lists their tools. Rejects with a UserError that names the server if one cannot start
 * or does not speak the protocol; the others are then ended.
 */
export async function connectServers(
  servers: readonly McpServer[],
  { version, startTime = START_TIME, callTime = CALL_TIME, signal, onNote = () => undefined }: ConnectOptions,
): Promise<McpConnections> {
  signal?.throwIfAborted()
  let clients: McpClient[] = []
  let tools: ServerTool[] = []
  const named = withOwnNames(servers)
  const names = new ToolNames(named.map(({ name }) => name))
  const firstForms = new Map<string, string>()
  const listTools = () => toolsOf(clients, names, firstForms)
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  const start = (server: McpServer) =>
    McpClient.start(server, {
      version,
      startTime,
      callTime,
      signal: stop.signal,
      onNote,
      onChange() {
        tools = listTools()
        onNote(`MCP server ${printable(server.name, 40)} has changed its tools`)
      },
    }).catch((error) => {
      // The first failure ends the start of the others.
      if (!stop.signal.aborted) stop.abort(error)
      throw error
    })
  const close = async () => {
    await Promise.all(clients.map((client) => client.close()))
  }
  const started = await Promise.allSettled(named.map(start))
  signal?.removeEventListener('abort', onAbort)
  clients = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (clients.length < servers.length) {
    await close()
    throw stop.signal.reason
  }
  tools = listTools()
  return {
    get tools() {
      return tools
    },
    close,
  }
}

/** Numbers servers with equal names. */
function withOwnNames(servers: readonly McpServer[]): McpServer[] {
  const taken = new Set<string>()
  return servers.map((server) => {
    let { name } = server
    for (let n = 2; taken.has(name); n++) name = `${server.name}-${n}`
    taken.add(name)
    return { ...server, name }
  })
}

/** Tools of all servers. `firstForms` has the forms that they were first offered in, by name. */
function toolsOf(clients: readonly McpClient[], given: ToolNames, firstForms: Map<string, string>): ServerTool[] {
  const all = clients.flatMap((client) => client.tools.map((tool) => ({ client, tool })))
  const names = given.of(all.map(({ client, tool }) => ({ server: client.server.name, tool: tool.name })))
  return all.map(({ client, tool: { name: ownName, ...about } }, i) => {
    const name = names[i]
    const form = formOf({ name, ...about })
    if (!firstForms.has(name)) firstForms.set(name, form)
    return {
      name,
      ...about,
      server: printable(client.server.name, 40),
      isChanged: firstForms.get(name) !== form,
      get hasEnded() {
        return client.hasEnded
      },
      run: (args, { signal }) => client.call(ownName, args, signal),
    }
  })
}
