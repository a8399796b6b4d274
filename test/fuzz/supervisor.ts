import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Format } from './format.js'
import { runWatched } from './watched-child.js'

/** A table of formats: loaded when they are needed, each in the processes that read it. */
export type Table = Record<string, () => Promise<Format>>

export interface Plan {
  /** Address of the module whose FORMATS are read. */
  table: string
  seed: number
  /** Processes at once. */
  jobs: number
  /** When to stop, as Date.now() has it. */
  deadline?: number
  /** Folder in which inputs are left that show a fault. */
  keepIn: string
  onFailure?: (failure: Failure) => void
}

/** A fault of molm, with the input that shows it. */
export interface Failure {
  format: string
  case: number
  fault: string
  /** What was done to a sound input. */
  notes: string[]
  /** Folder with the input. */
  input: string
}

/** What came of the inputs of one format. */
export interface Tally {
  format: string
  accepted: number
  refused: number
  failures: Failure[]
  /** Of one process. */
  seconds: number
}

/** Cases `from` to `to`, excluded, of a format: as many as one process may read. */
export interface Stretch {
  format: Format
  from: number
  to: number
}

/** So many failures of one format are looked at; then it is given up. */
const MOST_FAILURES = 8
export const DEFAULT_SECONDS = 2

/** Reads all cases of some stretches, several processes at once, and counts what comes of them. */
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

/** Reads a stretch to its end, with as many processes, one after the other, as that takes. */
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
 * Reads one case in a fresh process, keeping its input. A crash or a wrong answer counts in any case; what took too long
 * or too much must do so again here, where nothing went before.
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

/** Where the input of a case is kept. */
export function keptAs({ seed, keepIn }: Pick<Plan, 'seed' | 'keepIn'>, format: string, index: number): string {
  return join(keepIn, `${format}.${seed}.${index}`)
}
