import { spawnSync } from 'node:child_process'

/*
 * Every server has a process group of its own, so that Ctrl-C in the terminal does not reach it before molm has closed
 * it. Therefore molm must end the groups itself, however it ends.
 */

const open = new Set<number>()
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends the group of a process together with molm, until `forget` is called. */
export function remember(pid: number): void {
  if (open.size === 0) {
    process.on('exit', endAll)
    // First in line, to see whether another listener handles a signal before that one is removed.
    for (const signal of SIGNALS) process.prependListener(signal, onSignal)
  }
  open.add(pid)
}

export function forget(pid: number): void {
  if (!open.delete(pid) || open.size > 0) return
  process.off('exit', endAll)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

/** Sends a signal to a process and all that it has started. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    if (process.platform !== 'win32') process.kill(-pid, signal)
    else spawnSync('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore', windowsHide: true })
  } catch {
    // The group has ended.
  }
}

function endAll(): void {
  for (const pid of open) signalGroup(pid, 'SIGKILL')
}

/** Ends the groups if the signal ends molm: if no other part of it handles the signal. */
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
