import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type FromChild, type Job, PROGRESS_BYTES } from './job.js'

/** Result of a job, as far as its process got. */
export interface Report {
  accepted: number
  refused: number
  /** The last one may be the case that ended the process. */
  faults: { case: number; fault: string }[]
  /** First case that is still to be read. */
  next: number
}

export interface Patience {
  /** Timeout for one input. */
  seconds: number
  /**
   * Whether the timeout counts only computing time, or five times as much elapsed time. On a busy machine this
   * separates a slow input from a process that waits for its turn.
   */
  isFair?: boolean
  /** Time to end the process in any case, as of Date.now(). */
  deadline?: number
}

const CHILD = fileURLToPath(new URL('child.js', import.meta.url))
/** Enough for every `prepare`. An input that needs more ends its process. */
const HEAP = '--max-old-space-size=700'
const LOOK_EVERY_MS = 50
const START_SECONDS = 120
/** Exit code of Node if a promise is awaited that can never settle. */
const UNSETTLED = 13

/** Runs a job in its own process, and kills the process if an input takes too long. */
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
          ? 'no answer, and nothing pending'
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

/** CPU seconds of a process over all its threads; undefined if the system does not report them. */
function cpuSeconds(pid = 0): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

/** The most informative line of a process's last output. */
function endOf(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^\w*Error: |FATAL ERROR/.test(line)) ?? lines.at(-1) ?? 'no output'
}
