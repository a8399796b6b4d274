import type { ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { spawn } from 'cross-spawn'
import { codeOf, UserError } from '../../../ground/errors.js'
import { formatBytes } from '../../../ground/numbers.js'
import { printable, reasonOf } from '../../../ground/printable.js'
import { forget, killAll, remember, signalGroup } from './end-processes.js'
import { LineReader } from './line-reader.js'
import type { McpServer } from './server.js'
import { descendantsOf, MARK, type StartedProcess } from './started-processes.js'

const MOST_LINE = 8 * 2 ** 20
/** Maximum bytes that wait for a server that does not read. */
const MOST_UNREAD = 16 * 2 ** 20
/** Lines that are read before the event loop gets a turn. */
const LINES_PER_TURN = 1000
/** Bytes of stderr that are kept, and lines that are shown of them. */
const KEPT_STDERR = 8192
const SHOWN_LINES = 3
/** Lines of a failed program of Node after its message. */
const STACK = /^\s+at |^Node\.js v/
const ERROR = /\b(\w*error|fatal|failed|cannot|no such|not found)\b/i
const NO_ERROR = /a complete log of this run/i
/** Time in ms that a server has to end, after its input has ended and after SIGTERM. */
const TIME_TO_END = 1000
/** Time in ms for the last output of a process that has ended. */
const TIME_TO_DRAIN = 200

export interface ProcessListener {
  onLine(line: Buffer): void
  /** Called once, when the process ends without `close`. The reason is printable. */
  onEnd(reason: string): void
}

/** Faults of a start for which Node throws an error. */
const START_FAULTS: Readonly<Record<string, string>> = {
  E2BIG: 'its arguments or environment are too long',
  ENAMETOOLONG: 'the name of its command is too long',
  ENOTDIR: 'its working folder, or a folder of its command, is a file',
}

/** Process of a server, which reads and writes lines. Its stderr does not reach the terminal. */
export class ServerProcess {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  private readonly exited: Promise<void>
  private readonly mark = randomUUID()
  private stderr: Buffer = Buffer.alloc(0)
  private hasEnded = false

  /** Throws a UserError if the process cannot start, without its name. */
  constructor(
    { command, args, env, cwd }: McpServer,
    private readonly listener: ProcessListener,
  ) {
    const full = { ...serverEnvironment(env), [MARK]: this.mark }
    try {
      // Programs such as npx are batch files on Windows, which only cmd.exe runs.
      this.child = spawn(command, [...args], {
        cwd,
        env: full,
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: process.platform !== 'win32',
        windowsHide: true,
      })
    } catch (error) {
      throw new UserError(`cannot start: ${START_FAULTS[codeOf(error) ?? ''] ?? reasonOf(error)}`)
    }
    const { child } = this
    if (child.pid !== undefined) remember(child, this.mark)
    this.exited = new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    this.listen(command, cwd)
  }

  write(line: string): void {
    if (this.hasEnded) return
    this.child.stdin.write(`${line}\n`)
    if (this.child.stdin.writableLength > MOST_UNREAD) this.end('does not read what it is sent')
  }

  /** The last lines of stderr, printable; empty if there are none. */
  get lastWords(): string {
    return this.linesOfStderr().slice(-SHOWN_LINES).join('\n')
  }

  /** Lines of stderr that name errors, or else the last ones: a program that cannot start may write much around them. */
  get errorWords(): string {
    const errors = this.linesOfStderr().filter((line) => ERROR.test(line) && !NO_ERROR.test(line))
    if (errors.length === 0) return this.lastWords
    return (errors.length > SHOWN_LINES ? [...errors.slice(0, SHOWN_LINES - 1), errors.at(-1)] : errors).join('\n')
  }

  /** Ends the process and all that it has started: kindly at first. */
  async close(): Promise<void> {
    this.hasEnded = true
    const { child, exited } = this
    if (child.pid === undefined) return
    // Later their parents may have ended, and no longer lead to this process.
    const started = descendantsOf(child)
    child.stdin.end()
    const inTime = () => Promise.race([exited.then(() => true), wait(TIME_TO_END, false)])
    if (!(await inTime())) {
      signalGroup(child, 'SIGTERM')
      if (!(await inTime())) signalGroup(child, 'SIGKILL')
      await exited
    }
    this.cleanUp(started)
  }

  private linesOfStderr(): string[] {
    const lines = this.stderr.toString('utf8').split(/\r?\n/)
    return lines.flatMap((line) => (STACK.test(line) || line.trim() === '' ? [] : [printable(line.trim())]))
  }

  private listen(command: string, cwd: string | undefined): void {
    const { child } = this
    const allRead = this.readLines()
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr = Buffer.concat([this.stderr, chunk]).subarray(-KEPT_STDERR)
    })
    // Writing to a process that has ended fails; the end itself is reported below.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined)
    child.on('error', (error) => {
      const isMissing = codeOf(error) === 'ENOENT'
      if (isMissing && cwd !== undefined && !existsSync(cwd)) this.end(`cannot start: no such folder ${printable(cwd)}`)
      else this.end(`cannot start: ${isMissing ? `no such command ${printable(command)}` : reasonOf(error)}`)
    })
    child.on('exit', async (code, signal) => {
      // Its last output may still be on its way, but another process may hold the stream open.
      await Promise.race([allRead, wait(TIME_TO_DRAIN)])
      this.end(`ended (${signal ?? `exit code ${code}`})`)
    })
    void allRead.then(async () => {
      const exits = await Promise.race([this.exited.then(() => true), wait(TIME_TO_DRAIN, false)])
      if (!exits) this.end('closed its output')
    })
  }

  /** Reads lines until the output ends. A server may write them without a pause: other work gets turns between. */
  private async readLines(): Promise<void> {
    const { stdout } = this.child
    const reader = new LineReader(MOST_LINE)
    let count = 0
    try {
      for await (const chunk of stdout) {
        for (const line of reader.add(chunk)) {
          // Its output is read on, so that a server that is closed can end as it likes.
          if (this.hasEnded) break
          this.listener.onLine(line)
          if (++count % LINES_PER_TURN === 0) await nextTurn()
        }
      }
    } catch (error) {
      if (error instanceof RangeError) this.end(`wrote a line of more than ${formatBytes(MOST_LINE)}`)
      else if (!this.hasEnded && error !== stdout.errored) throw error
    }
  }

  /** Ends what is left of the process, and reports it. */
  private end(reason: string): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.cleanUp()
    this.listener.onEnd(reason)
  }

  private cleanUp(started?: readonly StartedProcess[]): void {
    const { child } = this
    if (child.pid !== undefined) {
      killAll(child, this.mark, started)
      forget(child)
    }
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
  }
}

/** Addresses, which a server gets without `user:password@`. */
const ADDRESSES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NPM_CONFIG_REGISTRY']
/** Variables that a server gets: what programs need to run, and no secret. */
const PASSED = [
  ...['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR'],
  ...['APPDATA', 'COMSPEC', 'HOMEDRIVE', 'HOMEPATH', 'LOCALAPPDATA', 'PATHEXT', 'PROCESSOR_ARCHITECTURE'],
  ...['PROGRAMDATA', 'PROGRAMFILES', 'SYSTEMDRIVE', 'SYSTEMROOT', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE', 'WINDIR'],
  ...[...ADDRESSES, 'NO_PROXY', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['NPM_CONFIG_CACHE', 'NPM_CONFIG_PREFIX', 'DOCKER_HOST', 'VIRTUAL_ENV'],
]
const PASSED_BEGINNINGS = ['LC_', 'XDG_']

/** Environment of a server: some of molm's variables, and the variables of its configuration. */
export function serverEnvironment(
  own: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const passed = Object.entries(env).flatMap(([name, value]) => {
    const upper = name.toUpperCase()
    // A shell function that an old bash exports would run in the server's shell.
    if (value === undefined || value.startsWith('()')) return []
    if (!PASSED.includes(upper) && !PASSED_BEGINNINGS.some((beginning) => upper.startsWith(beginning))) return []
    return [[name, ADDRESSES.includes(upper) ? withoutUser(value) : value]]
  })
  return { ...Object.fromEntries(passed), ...own }
}

/** An address without what is before its last `@`, as a password may contain `@` and `/`. */
function withoutUser(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1')
}
