import type { ConnectOptions, McpConnections } from '../../tools/mcp/connect-servers.js'
import { molmVersion } from '../../version.js'
import type { McpOptions } from '../parsing/mcp-options.js'

/** Starts MCP servers. Rejects with a UserError if one does not start, or if none has a tool that an option names. */
export async function openServers(
  { servers, callTime, isOffered, checkNames }: McpOptions,
  options: Pick<ConnectOptions, 'signal' | 'onNote'>,
): Promise<McpConnections> {
  const { connectServers } = await import('../../tools/mcp/connect-servers.js')
  const connections = await connectServers(servers, { ...options, version: molmVersion(), callTime })
  try {
    checkNames(connections.tools)
    return {
      get tools() {
        return connections.tools.filter(({ name }) => isOffered(name))
      },
      close: () => connections.close(),
    }
  } catch (error) {
    await connections.close()
    throw error
  }
}
