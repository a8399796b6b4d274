import type { PullProgress } from './pull-options.js'

/** Begins to tell of so many bytes of work, some of which may be done already. */
export type Track = (total: number, done?: number) => { add(count: number): void; item(name: string): void }

/** Tells `onProgress` of a phase as its bytes and items come. */
export function trackPhase(phase: PullProgress['phase'], onProgress?: (progress: PullProgress) => void): Track {
  return (total, already = 0) => {
    let done = already
    let item = ''
    const tell = () => onProgress?.({ phase, done: Math.min(done, total), total, item })
    return {
      add(count) {
        done += count
        tell()
      },
      item(name) {
        item = name
        tell()
      },
    }
  }
}
