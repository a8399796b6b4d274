import { type ChildProcessByStdio, execFile, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TerminalScreen } from './terminal-screen.js'
import { PATIENCE_MS } from './until.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Whether the `script` command of util-linux is here, which runs a command in a pseudo-terminal. Every Linux has it. */
export const HAS_PSEUDO_TERMINAL = /util-linux/.test(
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '',
)

export interface TerminalOptions {
  columns?: number
  rows?: number
  env?: NodeJS.ProcessEnv
  /** Working folder. Default: the project's. */
  cwd?: string
  /** Node script with its arguments, in place of bin/molm.js. */
  args?: string[]
  /**
   * Whether the shell has job control: Ctrl-Z stops the program, and Enter resumes it. Without it, nothing could resume
   * it.
   */
  hasJobs?: boolean
  /** Keeps only the raw output, and does not emulate a screen. */
  outputOnly?: boolean
}

/** Runs `use` with a program in a new pseudo-terminal, and then closes the terminal. */
export async function withTerminal<T>(
  options: TerminalOptions,
  use: (terminal: PseudoTerminal) => Promise<T>,
): Promise<T> {
  const terminal = await PseudoTerminal.start(options)
  try {
    return await use(terminal)
  } finally {
    await terminal.close()
  }
}

/** A program of the project in its own pseudo-terminal. */
export class PseudoTerminal {
  readonly screen: TerminalScreen
  /** All output, with escape sequences. */
  output = ''
  private hasEnded = false
  private readonly exit: Promise<number | null>

  private constructor(
    private readonly child: ChildProcessByStdio<Writable, Readable, null>,
    private readonly folder: string,
    { columns = 80, rows = 24, outputOnly = false }: TerminalOptions,
  ) {
    this.screen = new TerminalScreen(columns, rows)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
      if (!outputOnly) void this.screen.write(text)
    })
    this.exit = new Promise((resolve) => {
      child.on('close', async (code) => {
        // The screen may not have all of the output yet.
        await this.screen.write('')
        this.hasEnded = true
        resolve(code)
      })
    })
  }

  static async start(options: TerminalOptions = {}): Promise<PseudoTerminal> {
    const { columns = 80, rows = 24, args = ['bin/molm.js', 'chat'], cwd = ROOT, env, hasJobs } = options
    const folder = await mkdtemp(join(tmpdir(), 'molm-terminal-'))
    const quoted = [process.execPath, ...args].map((word) => `'${word}'`).join(' ')
    const setUp = `stty cols ${columns} rows ${rows}; tty >'${folder}/tty'; echo $$ >'${folder}/pid'`
    const stopped = 128 + constants.signals.SIGTSTP
    const jobs = `while [ $code = ${stopped} ]; do read -r line; fg >/dev/null; code=$?; done`
    // A shell with jobs would end together with a program that SIGINT ends.
    const run = hasJobs ? `set -m; trap : INT; ${quoted}; code=$?; ${jobs}` : `${quoted}; code=$?`
    const command = `${setUp}; ${run}; stty -a >'${folder}/stty'; exit $code`
    const { NO_COLOR, MOLM_MODEL, ...rest } = process.env
    const child = spawn('script', ['-qfec', command, '/dev/null'], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...rest, SHELL: '/bin/sh', TERM: 'xterm-256color', COLORTERM: 'truecolor', MOLM_HOME: folder, ...env },
    })
    return new PseudoTerminal(child, folder, options)
  }

  type(text: string | Uint8Array): void {
    this.child.stdin.write(text)
  }

  /** Resolves once the screen's text matches. Rejects after a timeout. */
  async waitFor(pattern: RegExp): Promise<void> {
    await this.waitUntil(() => pattern.test(this.screen.text.join('\n')), String(pattern))
  }

  async waitUntil(isSo: () => boolean, what: string): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    while (!isSo()) {
      const isOver = this.hasEnded && !isSo()
      if (isOver || performance.now() > end)
        throw new Error(`${what} did not come; the screen:\n${this.screen.text.join('\n')}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** Types a command or text, and waits for its result. */
  async enter(text: string, pattern: RegExp): Promise<void> {
    this.type(`${text}\r`)
    await this.waitFor(pattern)
  }

  /** Changes the window to another width. Resolves once the chat draws all visible lines again. */
  async resize(columns: number, rows: number): Promise<void> {
    this.screen.resize(columns, rows)
    const before = this.output.length
    const size = ['cols', String(columns), 'rows', String(rows)]
    await promisify(execFile)('stty', ['-F', this.read('tty'), ...size])
    // Nothing else makes an idle chat draw.
    await this.waitUntil(() => this.output.length > before, 'the screen of the new size')
    await this.screen.write('')
  }

  /** Process id of the shell, the program's parent. */
  get shell(): number {
    return Number(this.read('pid'))
  }

  /** Process id of the program. */
  get program(): number {
    return Number(spawnSync('ps', ['-o', 'pid=', '--ppid', String(this.shell)], { encoding: 'utf8' }).stdout)
  }

  /** Whether Ctrl-Z has stopped the program. */
  get isStopped(): boolean {
    return /^T/.test(spawnSync('ps', ['-o', 'stat=', '--ppid', String(this.shell)], { encoding: 'utf8' }).stdout)
  }

  /** Waits until the program ends. Resolves with its exit code and the terminal's settings afterwards. */
  async ended(): Promise<{ code: number | null; settings: string }> {
    await this.waitUntil(() => this.hasEnded, 'the end of the program')
    const code = await this.exit
    return { code, settings: this.read('stty') }
  }

  /** Ends the program if it still runs, and removes its files. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exit
    // The shell may still be writing its last file.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  private read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8').trim()
  }
}
