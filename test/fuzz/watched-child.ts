import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type FromChild, type Job, PROGRESS_BYTES } from './job.js'

/** What came of a job, as far as its process got. */
export interface Report {
  accepted: number
  refused: number
  /** The last may be the case that the process has not come back from. */
  faults: { case: number; fault: string }[]
  /** The first case that is still to be read. */
  next: number
}

export interface Patience {
  /** Longest time for one input. */
  seconds: number
  /**
   * Whether time counts only while the process computes, or else five times over: on a busy machine that tells an input
   * that takes long from a process that waits for its turn.
   */
  isFair?: boolean
  /** When to end the process in any case, as Date.now() has it. */
  deadline?: number
}

const CHILD = fileURLToPath(new URL('child.js', import.meta.url))
/** Enough for each of our own preparations; an input that wants more ends its process. */
const HEAP = '--max-old-space-size=700'
const LOOK_EVERY_MS = 50
const START_SECONDS = 120
/** Node ends with this code where a promise is awaited that nothing will settle. */
const UNSETTLED = 13

/** Does a job in a process of its own, which is ended when it does not come back from an input. */
export async function runWatched(job: Omit<Job, 'dir'>, patience: Patience): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), 'molm-fuzz-'))
  try {
    const child = fork(CHILD, [JSON.stringify({ ...job, dir })], {
      execArgv: [HEAP],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    return await watch(child, job, join(dir, 'progress'), patience)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function watch(child: ChildProcess, job: Omit<Job, 'dir'>, path: string, patience: Patience): Promise<Report> {
  const report: Report = { accepted: 0, refused: 0, faults: [], next: job.from }
  let ended = false
  let errors = ''
  let verdict: string | undefined
  const seen = { case: -1, since: Date.now(), cpu: 0 }
  child.stderr?.on('data', (text) => {
    errors = (errors + text).slice(-4000)
  })
  child.on('message', (message: FromChild) => {
    if (message.kind === 'fault') report.faults.push(message)
    else {
      ended = true
      report.next = message.next
    }
  })
  const look = setInterval(() => {
    const { at } = progressOf(path)
    const now = Date.now()
    if (at !== seen.case) Object.assign(seen, { case: at, since: now, cpu: cpuSeconds(child.pid) ?? 0 })
    if (now > (patience.deadline ?? Infinity)) verdict = 'over'
    else if (!ended && isLate(at, (now - seen.since) / 1000)) verdict = `no answer within ${patience.seconds} s`
    if (verdict) child.kill('SIGKILL')
  }, LOOK_EVERY_MS)

  function isLate(at: number, waited: number): boolean {
    if (at < job.from) return waited > START_SECONDS
    if (waited <= patience.seconds) return false
    const cpu = patience.isFair ? cpuSeconds(child.pid) : undefined
    return cpu === undefined || cpu - seen.cpu > patience.seconds || waited > 5 * patience.seconds
  }

  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearInterval(look)
      const { accepted, refused, at } = progressOf(path)
      Object.assign(report, { accepted, refused })
      const how =
        verdict ??
        (code === UNSETTLED
          ? 'no answer, and nothing left that could give one'
          : `the process ended with ${signal ?? code}: ${endOf(errors)}`)
      if (ended || how === 'over') return resolve(report)
      if (at < job.from) return reject(new Error(`${job.format} cannot be tried: ${how}`))
      report.next = at + 1
      if (!report.faults.some((fault) => fault.case === at)) report.faults.push({ case: at, fault: how })
      resolve(report)
    })
  })
}

function progressOf(path: string): { accepted: number; refused: number; at: number } {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    bytes = Buffer.alloc(0)
  }
  if (bytes.length !== PROGRESS_BYTES) return { accepted: 0, refused: 0, at: -1 }
  const [accepted, refused, at] = new Float64Array(Uint8Array.from(bytes).buffer)
  return { accepted, refused, at }
}

/** Seconds that a process has computed, on all its threads; undefined where the system does not say. */
function cpuSeconds(pid = 0): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

/** The line of a process's last words that says most. */
function endOf(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^\w*Error: |FATAL ERROR/.test(line)) ?? lines.at(-1) ?? 'it said nothing'
}
