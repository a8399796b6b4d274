import { formatBytes, formatDuration } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { snakeCaseKeys } from '../../ground/spelling.js'
import type { PulledModel, PullPlan, PullProgress } from '../../index.js'
import { mayAnimate, note, type OutputOptions, writeJson, writeOut } from '../io/output.js'
import { createStatusLine, REDRAW_MS, type StatusLine } from '../io/status-line.js'
import { Throughput } from '../io/throughput.js'

/** Shows the progress of a pull, to a user or a program. */
export interface PullDisplay {
  plan(plan: PullPlan): void
  progress(progress: PullProgress): void
  note(message: string): void
  /** Removes what is drawn. */
  clear(): void
  done(model: PulledModel): Promise<void>
}

/** Creates a bar, or a line every few seconds if nothing may be drawn, or events with --json. --quiet shows only the result. */
export function createPullDisplay(options: OutputOptions & { json?: boolean }): PullDisplay {
  if (options.json) return new EventDisplay(options.quiet === true)
  return new TextDisplay(options)
}

const PHASES: Record<PullProgress['phase'], string> = { fetch: 'fetching', pack: 'packing', verify: 'verifying' }

const WAYS: Record<PullPlan['way'], (plan: PullPlan, names: string) => string> = {
  hub: ({ fetchBytes }, names) => `${formatBytes(fetchBytes)} to fetch (${names})`,
  keep: ({ fetchBytes }, names) => `${formatBytes(fetchBytes)} to fetch and keep (${names})`,
  cache: (_, names) => `from the hub's cache (${names}); the hub is not checked for a newer commit`,
}

/** Speed and time left of the current phase, reported at most every `everyMs`. */
class Pace {
  private throughput = new Throughput()
  private phase?: PullProgress['phase']
  private last = -Infinity

  constructor(
    private readonly everyMs: number,
    private readonly waitsAtFirst: boolean,
  ) {}

  /** The speed and time left; undefined if the last report is too recent. */
  take(progress: PullProgress): { perSecond?: number; secondsLeft?: number } | undefined {
    const now = performance.now()
    if (this.phase !== progress.phase) {
      this.phase = progress.phase
      this.throughput = new Throughput()
      if (this.waitsAtFirst) this.last = now
    }
    if (now - this.last < this.everyMs) return undefined
    this.last = now
    this.throughput.add(progress.done)
    const { perSecond } = this.throughput
    return { perSecond, secondsLeft: perSecond ? (progress.total - progress.done) / perSecond : undefined }
  }
}

/** Characters of a bar. A shorter one than the minimum is not drawn. */
const LONGEST_BAR = 20
const SHORTEST_BAR = 4
/** Ms between two lines, and between two events. */
const LINE_MS = 5000
const EVENT_MS = 1000

class TextDisplay implements PullDisplay {
  private readonly isDrawn: boolean
  private readonly pace: Pace
  private readonly statusLine: StatusLine

  constructor(private readonly options: OutputOptions) {
    this.isDrawn = mayAnimate(options)
    this.pace = this.isDrawn ? new Pace(REDRAW_MS, false) : new Pace(LINE_MS, true)
    this.statusLine = createStatusLine(options)
  }

  plan(plan: PullPlan): void {
    const names = plan.files.length > 2 ? `${plan.files.length} files` : plan.files.map(({ name }) => name).join(', ')
    this.note(`${plan.repo} at ${plan.commit.slice(0, 7)}: ${WAYS[plan.way](plan, names)}`)
    const [disk] = plan.disk
    const { running, free } = plan.memory
    this.note(
      `packed as ${plan.quant} ${formatBytes(plan.packedBytes)}, disk free ${formatBytes(disk.free)}; ` +
        `runs in ${formatBytes(running)} of memory, free ${formatBytes(free)}${running > free ? ' (runs slower)' : ''}`,
    )
  }

  progress(progress: PullProgress): void {
    if (this.options.quiet) return
    const pace = this.pace.take(progress)
    if (!pace) return
    const line = this.line(progress, pace)
    if (this.isDrawn) this.statusLine.show(line)
    else note(line)
  }

  note(message: string): void {
    this.clear()
    if (!this.options.quiet) note(message)
  }

  clear(): void {
    this.statusLine.clear()
  }

  async done({ path, wasHere, repo, commit, warnings }: PulledModel): Promise<void> {
    if (wasHere) this.note(`${repo} is here already, at ${commit.slice(0, 7)}`)
    for (const warning of warnings) this.note(`warning: ${warning}`)
    this.clear()
    await writeOut(`${path}\n`)
  }

  private line({ phase, done, total, item }: PullProgress, pace: { perSecond?: number; secondsLeft?: number }): string {
    const share = total > 0 ? done / total : 1
    const { perSecond, secondsLeft } = pace
    const figures = [
      `${Math.floor(100 * share)} % of ${formatBytes(total)}`,
      ...(perSecond !== undefined ? [`${formatBytes(perSecond)}/s`] : []),
      ...(secondsLeft !== undefined ? [`${formatDuration(secondsLeft)} left`] : []),
    ].join('  ')
    if (!this.isDrawn) return `${PHASES[phase]} ${figures}  ${printable(item)}`
    // The bar gets the room that the figures leave.
    const room = (process.stderr.columns || 80) - 1
    const width = Math.min(LONGEST_BAR, room - PHASES[phase].length - figures.length - 2)
    const filled = Math.floor(share * Math.max(0, width))
    const bar = width < SHORTEST_BAR ? '' : `${'█'.repeat(filled)}${'░'.repeat(width - filled)} `
    return `${PHASES[phase]} ${bar}${figures}`
  }
}

/** Writes one JSON object per line to stdout. */
class EventDisplay implements PullDisplay {
  private readonly pace = new Pace(EVENT_MS, false)
  private written = Promise.resolve()

  constructor(private readonly isQuiet: boolean) {}

  plan(plan: PullPlan): void {
    const { repo, commit, quant, way, files, fetchBytes, packedBytes, partsDone, parts, disk, memory } = plan
    const about = { repo, commit, quant, from: way, files }
    this.event({ event: 'plan', ...about, fetchBytes, packedBytes, partsDone, parts, disk, memory })
  }

  progress(progress: PullProgress): void {
    const pace = this.pace.take(progress)
    if (!pace) return
    const { perSecond, secondsLeft } = pace
    const rounded = (value: number | undefined) => (value === undefined ? null : Math.round(value))
    const speed = { bytesPerSecond: rounded(perSecond), secondsLeft: rounded(secondsLeft) }
    this.event({ event: 'progress', ...progress, ...speed })
  }

  note(message: string): void {
    this.event({ event: 'note', message })
  }

  clear(): void {}

  async done({ path, bytes, repo, commit, quant, wasHere, warnings }: PulledModel): Promise<void> {
    await this.written
    await writeJson(snakeCaseKeys({ event: 'done', path, bytes, repo, commit, quant, wasHere, warnings }))
  }

  private event(value: object): void {
    if (this.isQuiet) return
    this.written = this.written.then(() => writeJson(snakeCaseKeys(value)))
    // Writing the result reports a closed pipe.
    this.written.catch(() => {})
  }
}
