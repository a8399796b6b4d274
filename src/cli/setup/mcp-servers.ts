import type { Model } from '../../api/model.js'
import type { ConnectOptions, McpConnections } from '../../chat/tools/mcp/connect-servers.js'
import { molmVersion } from '../../ground/version.js'
import type { McpOptions } from '../parsing/mcp-options.js'

/** A tool for a model that may call none. */
const ANY_TOOL = { name: 'any', description: 'Does anything.', parameters: { type: 'object', properties: {} } }

/**
 * Starts MCP servers for a model. Rejects with a UserError if it cannot call tools, and then starts none; if a server does
 * not start; or if none has a tool that an option names.
 */
export async function openServers(
  model: Model,
  { servers, callTime, isOffered, checkNames }: McpOptions,
  options: Pick<ConnectOptions, 'signal' | 'onNote'>,
): Promise<McpConnections> {
  const { writeChat } = await import('../../text/chat-frame.js')
  const { chatTemplate: template, name } = model
  await writeChat([{ role: 'user', content: 'a question' }], { template, model: name, tools: [ANY_TOOL] })
  const { connectServers } = await import('../../chat/tools/mcp/connect-servers.js')
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
