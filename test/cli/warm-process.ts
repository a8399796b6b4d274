import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./warm-child.js', import.meta.url))

/** End of a command, and all that it wrote. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Message to the child: run this command. */
export interface Command {
  args: string[]
  env: NodeJS.ProcessEnv
  /** File read as stdin. */
  stdin: string
  /** Working folder. Default: that of the process. */
  cwd?: string
}

/** A process that has read the code of the command line, and runs one command after another. */
export class WarmProcess {
  private child: ChildProcess | undefined
  /** Settles when the command before has ended. */
  private last: Promise<unknown> = Promise.resolve()

  /** `options` are options of Node for the process. */
  constructor(private readonly options: string[] = []) {}

  /** Runs a command after all earlier commands. */
  run(command: Command): Promise<Ended> {
    const ended = this.last.then(() => this.send(command))
    this.last = ended.catch(() => undefined)
    return ended
  }

  private async send(command: Command): Promise<Ended> {
    this.child ??= this.start()
    const { child } = this
    child.ref()
    child.channel?.ref()
    const settled = new AbortController()
    try {
      child.send(command)
      const { signal } = settled
      const [outcome] = await Promise.race([once(child, 'message', { signal }), once(child, 'exit', { signal })])
      if (typeof outcome === 'object' && outcome !== null) return outcome
      this.child = undefined
      return { code: child.exitCode, signal: child.signalCode, stdout: '', stderr: 'the process ended' }
    } finally {
      settled.abort()
      // An idle process keeps no test from ending, and ends with it.
      child.unref()
      child.channel?.unref()
    }
  }

  private start(): ChildProcess {
    // A command looks at stdin and stdout for a terminal or a file. The runner's own would change what it prints.
    return fork(SCRIPT, { execArgv: this.options, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  }
}
