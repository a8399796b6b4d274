import { readdirSync, readFileSync } from 'node:fs'

/** Seconds by the clock, and of processors. */
export interface Times {
  wall: number
  cpu: number
}

/** Measures from its creation on: all threads of this process, and all processes that it has started. */
export class Stopwatch {
  private readonly start = performance.now()
  private readonly cpuStart = processorSeconds()

  read(): Times {
    return {
      wall: rounded((performance.now() - this.start) / 1000),
      cpu: rounded(processorSeconds() - this.cpuStart),
    }
  }
}

/** The times of a file's cases. */
export class CaseTimes {
  readonly taken: Record<string, Times> = {}
  private running?: { name: string; watch: Stopwatch }

  /** Ends the case before, and begins one unless the name is empty. */
  begin(name: string): void {
    if (this.running) this.taken[this.running.name] = this.running.watch.read()
    this.running = name === '' ? undefined : { name, watch: new Stopwatch() }
  }
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6 + childSeconds()
}

/** Node does not tell the times of other processes. Linux does, in hundredths of a second; elsewhere they count as 0. */
function childSeconds(): number {
  if (process.platform !== 'linux') return 0
  const others = readdirSync('/proc').filter((name) => Number(name) > process.pid)
  let ticks = endedTicks(statOf('self'))
  // A process has a higher number than its parent, until the numbers begin again.
  const mine = new Set([process.pid])
  for (const pid of others.map(Number).sort((a, b) => a - b)) {
    const stat = statOf(pid)
    if (!mine.has(Number(stat[PARENT]))) continue
    mine.add(pid)
    ticks += Number(stat[USER]) + Number(stat[USER + 1]) + endedTicks(stat)
  }
  return ticks / 100
}

/** Places in /proc/PID/stat after the name: the parent, and the times in user and system mode. */
const [PARENT, USER] = [1, 11]

/** Times of the children that have ended. */
function endedTicks(stat: string[]): number {
  return Number(stat[USER + 2] ?? 0) + Number(stat[USER + 3] ?? 0)
}

function statOf(pid: number | string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ')
  } catch {
    // It has just ended.
    return []
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
