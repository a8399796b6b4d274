import { readFileSync } from 'node:fs'

/**
 * Bytes of this process's memory in huge pages (2 MiB on most machines). Reading weights there takes fewer look-ups in
 * the page tables. Only Linux reports them; null elsewhere.
 */
export function hugePageBytes(path = '/proc/self/smaps_rollup'): number | null {
  try {
    const [, kilobytes] = /^AnonHugePages:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8')) ?? []
    return kilobytes === undefined ? null : Number(kilobytes) * 1024
  } catch {
    return null
  }
}
