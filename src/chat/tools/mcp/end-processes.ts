import { spawnSync } from 'node:child_process'
import { descendantsOf, isThere, markedProcesses, type ServerChild, type StartedProcess } from './started-processes.js'

/*
 * Every server has its own process group, so that Ctrl-C in the terminal does not reach it before molm has closed
 * it. Therefore molm must end the groups itself, however it ends.
 */

/** Marks of running servers. */
const open = new Map<ServerChild, string>()
/** Searches for processes that a server starts while it is ended. */
const MOST_SEARCHES = 20
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends a server with this mark, and all that it has started, together with molm, until `forget` is called. */
export function remember(child: ServerChild, mark: string): void {
  if (open.size === 0) {
    process.on('exit', endAll)
    // First in line, to see whether another listener handles a signal before that one is removed.
    for (const signal of SIGNALS) process.prependListener(signal, onSignal)
  }
  open.set(child, mark)
}

export function forget(child: ServerChild): void {
  if (!open.delete(child) || open.size > 0) return
  process.off('exit', endAll)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

/** Sends a signal to the group of a process; on Windows, to all that it has started. */
export function signalGroup({ pid }: ServerChild, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    if (process.platform !== 'win32') process.kill(-pid, signal)
    else spawnSync('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore', windowsHide: true })
  } catch {
    // The group has ended.
  }
}

/** Kills what is left of a server with this mark, and of the processes that it was known to have started. */
export function killAll(
  child: ServerChild,
  mark: string,
  known: readonly StartedProcess[] = descendantsOf(child),
): void {
  signalGroup(child, 'SIGKILL')
  const killed = new Set<number>()
  for (let count = 0, found = known.filter(isThere); count < MOST_SEARCHES; count++) {
    for (const { pid } of found) {
      kill(pid)
      killed.add(pid)
    }
    found = markedProcesses(mark).filter(({ pid }) => !killed.has(pid))
    if (found.length === 0) return
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function endAll(): void {
  for (const [child, mark] of open) killAll(child, mark)
}

/** Ends the groups if no other part of molm handles the signal, so that molm will end. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) - watchersOf() > 1) return
  endAll()
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}

/**
 * Number of listeners of each signal that only watch it and then let it end the process. Those are the ones of
 * signal-exit, a package that Ink uses; it counts them itself in the same way.
 */
function watchersOf(): number {
  const { __signal_exit_emitter__: emitter } = process as { __signal_exit_emitter__?: { count?: number } }
  return emitter?.count ?? 0
}
