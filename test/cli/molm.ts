import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'

export const BIN = fileURLToPath(new URL('../../../bin/molm.js', import.meta.url))
export const NANO = fileURLToPath(new URL('../../../models/nano', import.meta.url))

/** The end of a command, and its output. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export type Running = ChildProcessByStdio<Writable, Readable, Readable>

/** Runs `molm` as a shell would, and waits for its end. Without `stdin` there is no input, as with </dev/null. */
export async function molm(
  args: string[],
  options: { stdin?: string | Uint8Array; env?: object; bin?: string } = {},
): Promise<Ended> {
  const { stdin, env, bin = BIN } = options
  const stdio = [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as const
  const child = spawn(process.execPath, [bin, ...args], { stdio: [...stdio], env: environment(env) })
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
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout, stderr }
}

/** Checks that a command was refused: the exit code, one or two lines that match on stderr, and nothing on stdout. */
export function assertRefused({ code, stdout, stderr }: Ended, exitCode: number, pattern: RegExp): void {
  assert.is(code, exitCode, stderr)
  assert.match(stderr, pattern)
  assert.match(stderr, /^molm: .+\n(.+\n)?$/)
  assert.not.match(stderr, /^\s+at /m)
  assert.is(stdout, '')
}

/** The environment without the user's own settings of molm. */
function environment(env: object = {}): NodeJS.ProcessEnv {
  const { MOLM_MODEL, MOLM_DEBUG, MOLM_KERNELS, NO_COLOR, FORCE_COLOR, ...rest } = process.env
  return { ...rest, MOLM_HOME: '/nonexistent', ...env }
}
