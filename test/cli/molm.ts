import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { constants, devNull } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { type Ended, WarmProcess } from './warm-process.js'

export const BIN = fileURLToPath(new URL('../../../bin/molm.js', import.meta.url))
export const NANO = fileURLToPath(new URL('../../../models/nano', import.meta.url))

/** A checkpoint without chat template and with 320 random tokens, which computes in no time. */
export const TINY = fixturePath('01-base-bin-f32')

export type { Ended }
export type Running = ChildProcessByStdio<Writable, Readable, Readable>

export interface RunOptions {
  /** Text to read. Without it there is none, as with </dev/null. */
  stdin?: string | Uint8Array
  env?: NodeJS.ProcessEnv
}

/** Processes that run commands, by the options of Node that they were started with. */
const warm = new Map<string, WarmProcess>()

/**
 * Runs a command of `molm` and waits for its end. The process has run others before it and has read the code: for what
 * belongs to a process, such as signals, pipes, flags of V8 and its end, take `molmProcess`.
 */
export function molm(args: string[], { stdin, env = {} }: RunOptions = {}): Promise<Ended> {
  const options = env.NODE_OPTIONS ?? ''
  const process = warm.get(options) ?? new WarmProcess(options.split(' ').filter(Boolean))
  warm.set(options, process)
  const run = (file: string) => process.run({ args, env: environment(env), stdin: file })
  if (stdin === undefined) return run(devNull)
  return inTemporaryFolder(async (dir) => {
    const file = join(dir, 'stdin')
    await writeFile(file, stdin)
    return run(file)
  })
}

/** Runs `molm` in a new process, as a shell would, with a pipe as stdin if there is text to read. */
export async function molmProcess(
  args: string[],
  options: RunOptions & { bin?: string; cwd?: string } = {},
): Promise<Ended> {
  const { stdin, env, bin = BIN, cwd } = options
  const stdio = [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as const
  const child = spawn(process.execPath, [bin, ...args], { stdio: [...stdio], env: environment(env), cwd })
  child.stdin?.end(stdin)
  return ended(child as Running)
}

/** Starts `molm` with an open stdin, for tests that interact with it. */
export function startMolm(args: string[], env?: object): Running {
  return spawn(process.execPath, [BIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: environment(env) })
}

export async function ended(child: Running): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  // As a shell has it.
  return { code: signal ? 128 + constants.signals[signal] : code, signal, stdout, stderr }
}

/** Checks that a command was refused: the exit code, one or two lines that match on stderr, and nothing on stdout. */
export function assertRefused({ code, stdout, stderr }: Ended, exitCode: number, pattern: RegExp): void {
  assert.is(code, exitCode, stderr)
  assert.match(stderr, pattern)
  assert.match(stderr, /^molm: .+\n(.+\n)?$/)
  assert.not.match(stderr, /^\s+at /m)
  assert.is(stdout, '')
}

/** Words of a command line. A text is split at its blanks. */
type Words = string | string[]

const wordsOf = (words: Words) => (typeof words === 'string' ? words.split(' ').filter(Boolean) : words)

/** Checks that all command lines, which begin alike, are refused: by default with exit code 2 (see assertRefused). */
export async function assertAllRefused(
  beginning: Words,
  refusals: [words: Words, says: RegExp, exitCode?: number][],
): Promise<void> {
  for (const [words, says, exitCode = 2] of refusals) {
    assertRefused(await molm([...wordsOf(beginning), ...wordsOf(words)]), exitCode, says)
  }
}

/** The values of a text with a JSON value in each line. */
export const parseLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

/** The environment without the user's own settings of molm. */
function environment(env: object = {}): NodeJS.ProcessEnv {
  const { MOLM_MODEL, MOLM_DEBUG, MOLM_KERNELS, NO_COLOR, FORCE_COLOR, ...rest } = process.env
  return { ...rest, MOLM_HOME: '/nonexistent', ...env }
}
