import { readFileSync } from 'node:fs'

/**
 * Bytes of this process's memory that lie in huge pages (2 MiB on most machines): weights that do are found with fewer
 * looks into the tables of pages. Linux tells; null where nobody does.
 */
export function hugePageBytes(path = '/proc/self/smaps_rollup'): number | null {
  try {
    const [, kilobytes] = /^AnonHugePages:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8')) ?? []
    return kilobytes === undefined ? null : Number(kilobytes) * 1024
  } catch {
    return null
  }
}
