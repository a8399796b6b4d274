import { join } from 'node:path'
import { readServers } from '#molm/chat/tools/mcp/config-file.js'
import type { Chance } from '../chance.js'
import { expect, type Format } from '../format.js'
import { jsonLines } from '../harm-json.js'

const FILE = 'mcp.json'
const ENV = { HOME: '/home/me', KEY: 'key' }

/** Configuration of MCP servers. */
export const mcpConfig: Format = {
  name: 'mcp-config',
  inputs: 2000,
  prepare: () => ({
    onDisk: true,
    ...jsonLines(FILE, (chance) => [config(chance)]),
    async read({ dir }) {
      for (const { name, command, args, env = {}, cwd = '' } of await readServers(join(dir, FILE), ENV)) {
        const texts = [name, command, ...args, ...Object.values(env), cwd]
        expect(texts.every((text) => typeof text === 'string') && command !== '', 'a server has other than texts')
      }
    },
  }),
}

function config(chance: Chance) {
  const servers = Array.from({ length: chance.below(4) }, (_, i) => {
    const server = {
      ...(chance.oneIn(2) && { type: 'stdio' }),
      command: chance.pick(['npx', '~/server', variable('HOME'), 'C:\\server.exe']),
      ...(chance.oneIn(2) && {
        args: ['-y', ...['KEY', 'env:KEY', 'NONE:-none'].map(variable)].slice(chance.below(4)),
      }),
      ...(chance.oneIn(2) && { env: { TOKEN: variable('KEY'), PORT: 80, DEBUG: true } }),
      ...(chance.oneIn(3) && { cwd: chance.pick(['.', '/tmp', '~']) }),
      ...(chance.oneIn(4) && { disabled: chance.oneIn(2) }),
    }
    return [`server ${i}`, server]
  })
  return { [chance.pick(['mcpServers', 'servers'])]: Object.fromEntries(servers) }
}

function variable(inner: string): string {
  return `\${${inner}}`
}
