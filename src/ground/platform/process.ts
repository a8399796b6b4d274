import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'

/* The process and the JavaScript engine that runs it. */

const { bun, deno, node } = process.versions

/** The program and version that runs this code, for messages. */
export const RUNTIME = bun ? `Bun ${bun}` : `Node ${node}`

/** Kind of processor, such as x64 or arm64. */
export const PROCESSOR: string = process.arch

/** Why models cannot run here; undefined if they can. Threads of Deno cannot look for messages while they compute. */
export const RUNTIME_FAULT = deno && `models run on Node 20 or newer and on Bun, not on Deno ${deno}`

export const V8_VERSION = process.versions.v8

export function environmentVariable(name: string): string | undefined {
  return process.env[name]
}

/** Sets a flag of V8 for the whole process. V8 ends the process if it does not know the flag. */
export function setV8Flag(flag: string): void {
  setFlagsFromString(flag)
}

/**
 * Ends the process by a signal, as if molm did not listen for it, so that a shell ends its loop, too. Returns if the
 * signal ends nothing: Windows has none, and the first process of a container gets none from itself.
 */
export function endBySignal(signal: 'SIGINT' | 'SIGTERM'): void {
  if (process.platform === 'win32') return
  emitExit()
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/**
 * Ends the process at once with its exit code, although threads are left. `process.exit` would wait for them. A program of
 * WASI exits as one in C does, and waits for nothing; that is safe only if the threads wait, too.
 */
export function exitNow(): void {
  emitExit()
  try {
    const { WASI } = createRequire(import.meta.url)('node:wasi') as typeof import('node:wasi')
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) } })
    const { proc_exit } = wasi.wasiImport as { proc_exit: (code: number) => void }
    proc_exit(Number(process.exitCode))
  } catch {
    // Not with `node --permission`, nor in another runtime.
    process.exit()
  }
}

/** Calls what is to be done at the end of the process, as Node does at other ends. */
function emitExit(): void {
  // Node would take the end of this call, which never comes, for a failure.
  process.exitCode ??= 0
  process.emit('exit', Number(process.exitCode))
}
