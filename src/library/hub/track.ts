import type { PullProgress } from './pull-options.js'

/** Begins to report on `total` bytes of work; `done` of them were done before. */
export type Track = (total: number, done?: number) => { add(count: number): void; item(name: string): void }

/** Creates a tracker that reports the bytes and items of a phase to `onProgress`. */
export function trackPhase(phase: PullProgress['phase'], onProgress?: (progress: PullProgress) => void): Track {
  return (total, already = 0) => {
    let done = already
    let item = ''
    const report = () => onProgress?.({ phase, done: Math.min(done, total), total, item })
    return {
      add(count) {
        done += count
        report()
      },
      item(name) {
        item = name
        report()
      },
    }
  }
}
