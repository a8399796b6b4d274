import type { TeachEvent } from './teach-events.js'

export const PHASES = {
  replay: 'writing replay text',
  training: 'teaching',
  calibration: 'calibrating the gates',
}

export class PhaseClock {
  private readonly times = new Map<string, number>()
  private current?: { phase: string; since: number }

  constructor(private readonly onEvent?: (event: TeachEvent) => void) {}

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

  /** Seconds that a phase has taken; 0 if it has not begun. */
  seconds(phase: string): number {
    return this.times.get(phase) ?? 0
  }
}
