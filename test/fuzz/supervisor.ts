import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Format } from './format.js'
import { runWatched } from './watched-child.js'

export interface Plan {
  /** URL of the module that exports FORMATS. */
  table: string
  seed: number
  /** Number of parallel processes. */
  jobs: number
  /** Time to stop at, as of Date.now(). */
  deadline?: number
  /** Folder that keeps the inputs of faults. */
  keepIn: string
  onFailure?: (failure: Failure) => void
}

/** A fault of molm, with the input that shows it. */
export interface Failure {
  format: string
  case: number
  fault: string
  /** Changes made to a sound input. */
  notes: string[]
  /** Folder with the input. */
  input: string
}

/** Results for the inputs of one format. */
export interface Tally {
  format: string
  accepted: number
  refused: number
  failures: Failure[]
  /** Sum over all processes. */
  seconds: number
}

/** Cases of a format from `from` up to but excluding `to`, for one process to read. */
export interface Stretch {
  format: Format
  from: number
  to: number
}

/** Number of failures after which a format is abandoned. */
const MOST_FAILURES = 8
export const DEFAULT_SECONDS = 2

/** Reads all cases of the stretches in several processes, and counts the results. */
export async function supervise(plan: Plan, stretches: Iterable<Stretch>): Promise<Tally[]> {
  const { deadline = Infinity } = plan
  const tallies = new Map<string, Tally>()
  const waiting = stretches[Symbol.iterator]()
  const work = async () => {
    for (let next = waiting.next(); !next.done && Date.now() < deadline; next = waiting.next()) {
      const { name } = next.value.format
      const tally = tallies.get(name) ?? { format: name, accepted: 0, refused: 0, failures: [], seconds: 0 }
      tallies.set(name, tally)
      const started = performance.now()
      await readStretch(plan, next.value, tally).catch((error: Error) => {
        const failure = { format: name, case: -1, fault: error.message, notes: [], input: 'none' }
        tally.failures.push(failure)
        plan.onFailure?.(failure)
      })
      tally.seconds += (performance.now() - started) / 1000
    }
  }
  await Promise.all(Array.from({ length: plan.jobs }, work))
  return [...tallies.values()]
}

/** Reads a stretch to its end, in one process after another. */
async function readStretch(plan: Plan, { format, from, to }: Stretch, tally: Tally): Promise<void> {
  const { table, seed, deadline = Infinity } = plan
  let at = from
  while (at < to && Date.now() < deadline && tally.failures.length < MOST_FAILURES) {
    const { seconds = DEFAULT_SECONDS } = format
    const report = await runWatched({ table, format: format.name, seed, from: at, to }, { seconds, deadline })
    tally.accepted += report.accepted
    tally.refused += report.refused
    for (const suspect of report.faults.slice(0, MOST_FAILURES - tally.failures.length)) {
      const failure = await readAlone(plan, format, suspect)
      if (failure) {
        tally.failures.push(failure)
        plan.onFailure?.(failure)
      } else tally.accepted++
    }
    at = report.next
  }
}

/**
 * Reads one case in a fresh process, and keeps its input. A crash or a wrong answer always counts. Too much time or
 * memory counts only if it is seen again here, without earlier inputs.
 */
async function readAlone(
  { table, seed, keepIn }: Plan,
  { name, seconds = DEFAULT_SECONDS }: Format,
  suspect: { case: number; fault: string },
): Promise<Failure | undefined> {
  const keep = keptAs({ seed, keepIn }, name, suspect.case)
  const alone = { table, format: name, seed, from: suspect.case, to: suspect.case + 1, keep }
  const report = await runWatched(alone, { seconds, isFair: true })
  const fault = report.faults[0]?.fault
  const isPassing = /^no answer within|^took \d+ MB/.test(suspect.fault)
  if (fault === undefined && isPassing) return undefined
  return {
    format: name,
    case: suspect.case,
    fault: fault ?? `${suspect.fault}\n(only after the inputs before it, not alone)`,
    notes: readFileSync(`${keep}.txt`, 'utf8')
      .split('\n')
      .filter((note) => note !== ''),
    input: keep,
  }
}

/** Folder that keeps the input of a case. */
export function keptAs({ seed, keepIn }: Pick<Plan, 'seed' | 'keepIn'>, format: string, index: number): string {
  return join(keepIn, `${format}.${seed}.${index}`)
}
