import { appendFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'

/*
 * A server of the official SDK, for tests: node mcp-server.js [LOG]. It writes cancelled calls and its end to the file
 * LOG.
 */

const log = (line: string): void => {
  const [, , path] = process.argv
  if (path !== undefined) appendFileSync(path, `${line}\n`)
}

const server = new McpServer({ name: 'test', version: '1.0.0' })
const text = (text: string) => ({ content: [{ type: 'text' as const, text }] })

server.registerTool('echo', { description: 'Repeats a text.', inputSchema: { text: z.string() } }, ({ text: said }) => {
  return text(said)
})

server.registerTool('add', { title: 'Adds two numbers', inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => {
  return text(String(a + b))
})

server.registerTool('fail', { description: 'Fails.' }, () => {
  throw new Error('this tool \u001b[31mfails')
})

server.registerTool('slow', { description: 'Waits until it is cancelled.' }, async ({ signal }) => {
  await wait(60_000, undefined, { signal }).catch(() => log('cancelled'))
  return text('late')
})

server.registerTool('mixed', { description: 'Answers with parts of all kinds.' }, () => ({
  content: [
    { type: 'text', text: 'one' },
    { type: 'image', data: 'A'.repeat(4000), mimeType: 'image/png' },
    { type: 'audio', data: 'A'.repeat(40), mimeType: 'audio/wav' },
    { type: 'resource', resource: { uri: 'file:///notes.txt', text: 'a note' } },
    { type: 'resource', resource: { uri: 'file:///x.bin', blob: 'AAAA', mimeType: 'application/x' } },
    { type: 'resource_link', uri: 'file:///big.txt', name: 'big', description: 'a long file' },
    { type: 'text', text: 'two' },
  ],
}))

server.registerTool(
  'weather',
  { inputSchema: { city: z.string() }, outputSchema: { degrees: z.number() } },
  ({ city }) => ({ content: [], structuredContent: { degrees: city.length } }),
)

server.registerTool('environment', { description: 'Names of its environment variables.' }, () => {
  return text(Object.keys(process.env).sort().join(' '))
})

server.registerTool('where', { description: 'Its working folder.' }, () => text(process.cwd()))

server.registerTool('more', { description: 'Adds a tool.' }, () => {
  server.registerTool('newest', { description: 'The newest tool.' }, () => text('new'))
  return text('added')
})

server.registerTool('ask', { description: 'Asks the client for what it does not offer.' }, async () => {
  const asked = [
    () => server.server.listRoots(),
    () => server.server.createMessage({ messages: [], maxTokens: 1 }),
    () => server.server.ping(),
  ]
  const answers = await Promise.allSettled(asked.map(async (ask) => ask()))
  return text(answers.map(({ status }) => status).join(' '))
})

server.registerTool('die', { description: 'Ends the server.' }, () => {
  process.stderr.write('a first line\nthe \u001b[2Jlast words\n')
  process.exit(3)
})

process.on('exit', () => log('ended'))
await server.connect(new StdioServerTransport())
