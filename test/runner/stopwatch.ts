import { readFileSync } from 'node:fs'

/** Seconds by the clock, and of processors: of all threads, and of the child processes that have ended. */
export interface Times {
  wall: number
  cpu: number
}

/** Measures from its creation on. */
export class Stopwatch {
  private readonly start = performance.now()
  private readonly cpuStart = processorSeconds()

  read(): Times {
    return { wall: rounded((performance.now() - this.start) / 1000), cpu: rounded(processorSeconds() - this.cpuStart) }
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

/** Node does not tell the times of children. Linux does, in hundredths of a second; elsewhere they count as 0. */
function childSeconds(): number {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
