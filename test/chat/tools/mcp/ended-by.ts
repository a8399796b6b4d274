import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { McpServer } from '#molm/chat/tools/mcp/server.js'
import { repositoryPath } from '../../../support/fixtures.js'

/**
 * Runs another program with a server. When the server works, `end` ends the program; the program's own `line` runs
 * before, until it has printed `until`. Resolves with the ids of the server's processes and the program's exit.
 */
export async function endedBy(
  server: McpServer,
  line: string,
  end: (program: { kill(signal: NodeJS.Signals): void }) => void = () => undefined,
  until = '',
): Promise<{ pids: number[]; exit: unknown[] }> {
  const source = `
    import { connectServers } from ${JSON.stringify(repositoryPath('dist/chat/tools/mcp/connect-servers.js'))}
    import { interruptSignal } from ${JSON.stringify(repositoryPath('dist/cli/io/interrupt.js'))}
    const servers = await connectServers([${JSON.stringify(server)}], { version: '1' })
    console.log(await servers.tools[0].run({}, { id: '1' }))
    setInterval(() => undefined, 1000)
    ${line}`
  const program = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(program, 'exit')
  let said = ''
  program.stdout.on('data', (text) => (said += text))
  while (!said.includes(`${until}\n`)) await Promise.race([once(program.stdout, 'data'), closed.then(failed)])
  end({ kill: (signal) => program.kill(signal) })
  return { pids: said.split('\n')[0].trim().split(' ').map(Number), exit: await closed }
}

const failed = (): never => {
  throw new Error('the program has ended early')
}
