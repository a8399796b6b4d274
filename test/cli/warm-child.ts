// Runs the commands that its parent process names, one after another, as bin/molm.js does in a new process.
import { createReadStream, openSync } from 'node:fs'
import { Writable } from 'node:stream'
import { setFlagsForGood } from '#molm/kernels/compiler/compile.js'
import { main } from '#molm/program.js'
import { untilTurn } from '../support/until.js'
import type { Command, Ended } from './warm-process.js'

setFlagsForGood()
// After the flags, which hold for what is compiled from then on.
await import('../support/kept-kernels.js')

process.on('message', async (command: Command) => {
  process.send?.(await run(command))
})
const idle = process.getActiveResourcesInfo()
const folder = process.cwd()

async function run({ args, env, stdin, cwd = folder }: Command): Promise<Ended> {
  process.chdir(cwd)
  const [out, err] = [new Collected(), new Collected()]
  const onWarning = (warning: Error) => err.write(`${warning.stack}\n`)
  process.on('warning', onWarning)
  const fd = openSync(stdin, 'r')
  const input = createReadStream('', { fd })
  replace('stdin', input)
  replace('stdout', out)
  replace('stderr', err)
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.exitCode = undefined
  try {
    await main(args)
    await untilTurn(() => leftOpen().length === 0, { toString: () => `the end of ${leftOpen()}` })
  } catch (error) {
    process.exitCode = 1
    err.write(`${(error as Error).stack}\n`)
  }
  input.destroy()
  process.off('warning', onWarning)
  const code = Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { code, signal: null, stdout: out.text, stderr: err.text }
}

function replace(name: 'stdin' | 'stdout' | 'stderr', stream: unknown): void {
  Object.defineProperty(process, name, { value: stream, configurable: true })
}

/** Resources that a command has left open: its own process would not end. */
function leftOpen(): string[] {
  const open = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate')
  for (const name of idle) {
    const at = open.indexOf(name)
    if (at >= 0) open.splice(at, 1)
  }
  return open
}

/** Keeps what is written, as a pipe with a quick reader does. */
class Collected extends Writable {
  private readonly chunks: Buffer[] = []

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8')
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.chunks.push(chunk)
    done()
  }
}
