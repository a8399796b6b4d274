import type { TeachEvent } from './teach-events.js'

/** The phases that a report has the times of. */
export const PHASES = {
  replay: 'letting the model write what it is to keep',
  training: 'teaching',
  calibration: 'closing the gates as far as what is to be kept wants',
}

/** Reports the phases of a teaching, one after another, and measures them. */
export class PhaseClock {
  private readonly times = new Map<string, number>()
  private current?: { phase: string; since: number }

  constructor(private readonly onEvent?: (event: TeachEvent) => void) {}

  /** Ends the phase that is under way, and begins another. */
  begin(phase: string): void {
    this.end()
    this.current = { phase, since: performance.now() }
    this.onEvent?.({ kind: 'phase', phase })
  }

  end(): void {
    if (!this.current) return
    const { phase, since } = this.current
    this.times.set(phase, this.seconds(phase) + (performance.now() - since) / 1000)
    this.current = undefined
  }

  /** Seconds that a phase has taken; 0 if there was none of that name. */
  seconds(phase: string): number {
    return this.times.get(phase) ?? 0
  }
}
