import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Counts, splitCounts } from './counts.js'
import { stacksUnder } from './stacks.js'
import type { Times } from './stopwatch.js'

const SCRIPT = fileURLToPath(new URL('./worker.js', import.meta.url))

/** Memory limit; a larger process gets no more files. */
const MOST_BYTES = 1.5e9

/** Message to a worker: run this file. */
export interface Request {
  path: string
}

/** Message from a worker: the file has ended. */
export interface Ended {
  /** Stack trace of an error outside the tests. */
  error?: string
  /** Memory of the process. */
  bytes: number
  /** Processor time of the file, in seconds. */
  cpu: number
  /** Times of its cases by name. */
  cases: Record<string, Times>
}

/** Counts and times of a test file, and all that it printed. */
export interface FileResult extends Counts, Times {
  file: string
  output: string
  cases: Record<string, Times>
}

export interface WorkerOptions {
  /** File that receives what the tests print. */
  log: string
  /** Milliseconds after which a test file is given up. */
  mostMs: number
  /** Milliseconds for the process to end once it has no more files to run. */
  endMs: number
  colours: boolean
}

/** A process that runs test files, one at a time. */
export class WorkerProcess {
  /** Whether it takes another file. */
  isFit = true
  private readonly files: string[] = []
  private readonly child: ChildProcess
  /** Resolves when the process has ended, with how: a signal, an exit code, or an empty text when all is well. */
  private readonly exit: Promise<string>
  private hasExited = false

  constructor(private readonly options: WorkerOptions) {
    // A file and not a pipe: it has everything in order once the process reports the end of a test file, or dies.
    const out = openSync(options.log, 'a')
    const env = { ...process.env, ...(options.colours && { FORCE_COLOR: '1' }) }
    this.child = spawn(process.execPath, [SCRIPT], { stdio: ['ignore', out, out, 'ipc'], env })
    closeSync(out)
    this.exit = new Promise<string>((resolve) => {
      this.child.on('error', (error) => resolve(error.message))
      this.child.on('exit', (code, signal) => resolve(signal ?? (code === 0 ? '' : `exit code ${code}`)))
    })
    void this.exit.then(() => {
      this.hasExited = true
      this.isFit = false
    })
  }

  /** Runs a test file. One that throws outside its tests, ends the process or takes too long counts as a failed test. */
  async run(file: string, path: string): Promise<FileResult> {
    const start = performance.now()
    this.files.push(file)
    const { error, cpu = 0, cases = {} } = await this.endOf(path)
    const { output, ...counts } = splitCounts(this.takeLog())
    const fault = error ?? (counts.total + counts.skipped === 0 ? 'it has no tests' : undefined)
    const result = { file, wall: (performance.now() - start) / 1000, cpu, cases, output, ...counts }
    if (fault === undefined) return result
    return { ...result, total: counts.total + 1, output: `${output}\n  FAIL  ${file}: ${fault}\n` }
  }

  /** Lets the process end. Resolves with what is wrong if it does not, or fails after its last file. */
  async close(): Promise<string | undefined> {
    const wasRunning = !this.hasExited
    if (wasRunning) this.child.disconnect()
    const { endMs, log } = this.options
    const timer = setTimeout(() => this.child.kill('SIGKILL'), endMs)
    const exit = await this.exit
    clearTimeout(timer)
    const output = this.takeLog()
    rmSync(log)
    // An earlier end was the fault of the file that ran.
    if (!wasRunning || exit === '') return undefined
    const why = exit === 'SIGKILL' ? `did not end within ${endMs / 1000} s: something is still open` : exit
    return `${output}\n  FAIL  after the end of ${this.files.join(', ')}: the process ${why}\n`
  }

  /** Runs a file, and resolves with how it ended: alone with an error if the process did not tell. */
  private async endOf(path: string): Promise<Partial<Ended>> {
    const { mostMs } = this.options
    let stacks: string | undefined
    const timer = setTimeout(() => {
      stacks = stacksUnder(Number(this.child.pid))
      this.child.kill('SIGKILL')
    }, mostMs)
    const ended = new Promise<Ended>((resolve) => {
      this.child.once('message', (message: Ended) => {
        if (message.bytes > MOST_BYTES) this.isFit = false
        resolve(message)
      })
    })
    const exited = this.exit.then((exit) => ({
      error:
        stacks === undefined
          ? `the process ended${exit && `: ${exit}`}`
          : `no end within ${mostMs / 1000} s\n${stacks}`.trimEnd(),
    }))
    this.child.send({ path } satisfies Request)
    const end = await Promise.race([ended, exited])
    clearTimeout(timer)
    return end
  }

  private takeLog(): string {
    const { log } = this.options
    const printed = readFileSync(log, 'utf8')
    truncateSync(log)
    return printed
  }
}
