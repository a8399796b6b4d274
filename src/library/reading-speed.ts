import { closeSync, openSync, readSync } from 'node:fs'
import type { PackedFile } from '../model/packing/format/packed-file.js'

/** Longest measurement, and most parts read. */
const MOST_MS = 500
const MOST_PARTS = 1024

/**
 * Measures how fast parts of a packed file are read, one after the other in no order and synchronously, as the engine
 * reads experts: bytes per second. Parts that the system holds in its cache count, as they do for a model.
 */
export function measureReading({ path, parts }: PackedFile): number {
  const ranges = [...parts.values()]
  const file = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(ranges.reduce((most, { bytes }) => Math.max(most, bytes), 0))
    const started = performance.now()
    let read = 0
    for (let i = 0; i < MOST_PARTS && (i < 2 || performance.now() - started < MOST_MS); i++) {
      const { offset, bytes } = ranges[(Math.imul(i + 1, 0x9e3779b1) >>> 0) % ranges.length]
      read += readSync(file, buffer, 0, bytes, offset)
    }
    return read / ((performance.now() - started) / 1000)
  } finally {
    closeSync(file)
  }
}
