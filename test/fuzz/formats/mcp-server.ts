import { join } from 'node:path'
import { connectServers } from '#molm/chat/tools/mcp/connect-servers.js'
import type { Chance } from '../chance.js'
import { expect, type Format } from '../format.js'
import { jsonLines } from '../harm-json.js'

const FILE = 'answers.jsonl'
/** A server that answers each request with the next line of a file. */
const SERVER = `
  const lines = require('fs').readFileSync(process.argv[1], 'latin1').split('\\n')
  require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    if (line.includes('"id":') && lines.length > 0) process.stdout.write(lines.shift() + '\\n', 'latin1')
  })`
const CONTROL = /[^\P{Cc}\n]/u

/** Answers of an MCP server to its start, the list of its tools and a call. */
export const mcpServer: Format = {
  name: 'mcp-server',
  inputs: 60,
  seconds: 5,
  prepare: () => ({
    onDisk: true,
    ...jsonLines(FILE, answers),
    async read({ dir, isSound }) {
      const notes: string[] = []
      const server = { name: 'fuzz', command: process.execPath, args: ['-e', SERVER, join(dir, FILE)] }
      // A busy machine may take seconds to start a sound server. A broken one may never answer.
      const limits = isSound ? { startTime: 30_000, callTime: 30_000 } : { startTime: 500, callTime: 300 }
      const times = { ...limits, onNote: (note: string) => notes.push(note) }
      const connections = await connectServers([server], { version: '1', ...times })
      try {
        for (const { name, description = '', parameters } of connections.tools) {
          expect(/^[\w-]{1,64}$/.test(name), `a tool is called ${JSON.stringify(name)}`)
          expect(!/[^\P{Cc}\n\t]/u.test(description), 'a description has control characters')
          expect(typeof parameters === 'object' && parameters !== null, 'a schema is no object')
        }
        const [tool] = connections.tools
        const said = await tool?.run({}, { id: '1' }).catch((error) => error.message)
        expect(tool === undefined || typeof said === 'string', `a result is ${typeof said}`)
        expect(!isSound || said === 'Bern', `a sound result is ${said}`)
      } finally {
        await connections.close()
      }
      for (const note of notes) expect(!CONTROL.test(note), `a note has control characters: ${JSON.stringify(note)}`)
    },
  }),
}

function answers(chance: Chance): object[] {
  const names = ['read_file', 'search', 'a.b', 'ä'].slice(chance.below(3))
  const tools = names.map((name) => ({
    name,
    ...(chance.oneIn(2) && { title: 'A tool', description: 'Does\nsomething.' }),
    inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  }))
  const start = { protocolVersion: '2025-06-18', capabilities: { tools: { listChanged: true } }, serverInfo: {} }
  const results = [start, { tools }, { content: [{ type: 'text', text: 'Bern' }], isError: false }]
  return results.map((result, i) => ({ jsonrpc: '2.0', id: i + 1, result }))
}
