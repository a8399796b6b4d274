import { readFileSync } from 'node:fs'
import { UserError } from '#molm/ground/errors.js'
import { type Files, lay, sizeOf } from './files.js'
import { type Reader, Wrong } from './format.js'
import { beginWatch, endWatch } from './write-guard.js'

/** Verdict on an input: accepted, refused with a UserError, or the description of a fault of molm. */
export type Verdict = 'accepted' | 'refused' | { fault: string }

/** Memory in bytes that reading may take in addition to the input itself. */
const MOST_MEMORY = 256 * 2 ** 20

/** Prototypes that no input may change. */
const PROTOTYPES: object[] = [Object, Array, Function, String, Number, Map, Promise, Uint8Array].map(
  ({ prototype }) => prototype,
)

/** Has a reader read an input, and returns the verdict. */
export async function judge(reader: Reader, files: Files, dir: string, isSound: boolean): Promise<Verdict> {
  if (reader.onDisk) lay(dir, files)
  const memory = peakMemory()
  const keys = keysOfPrototypes()
  beginWatch(reader.mayWrite?.(dir) ?? [])
  let verdict: Verdict
  try {
    await reader.read({ files, dir, isSound })
    verdict = 'accepted'
  } catch (error) {
    verdict = verdictOf(error, isSound)
  }
  const written = endWatch()
  if (typeof verdict === 'object') return verdict
  if (written.length > 0) return { fault: `wrote outside its folder: ${written[0]}` }
  if (keysOfPrototypes() !== keys) return { fault: 'the number of properties of a prototype changed' }
  const more = peakMemory() - memory
  if (more > MOST_MEMORY + sizeOf(files)) return { fault: `took ${Math.round(more / 1e6)} MB of memory` }
  return verdict
}

function verdictOf(error: unknown, isSound: boolean): Verdict {
  if (error instanceof Wrong) return { fault: `accepted, but ${error.message}` }
  if (!(error instanceof UserError)) return { fault: `unexpected: ${stackOf(error)}` }
  const { message } = error
  if (isSound) return { fault: `refused a sound input: ${message}` }
  if (message.split('\n').length > 2) return { fault: `message of more than two lines: ${JSON.stringify(message)}` }
  if (message.length > 1000) return { fault: `message of ${message.length} characters: ${message.slice(0, 300)}` }
  const control = /[^\P{Cc}\n]/u.exec(message)
  if (control) return { fault: `message with control characters: ${JSON.stringify(message)}` }
  return 'refused'
}

/** The message and the first lines of the stack. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error).slice(0, 200)}`
  const lines = (error.stack ?? error.message).split('\n').map((line) => line.slice(0, 300))
  return lines.slice(0, 5).join('\n')
}

function keysOfPrototypes(): number {
  return PROTOTYPES.reduce((sum, prototype) => sum + Reflect.ownKeys(prototype).length, 0)
}

/**
 * Peak memory of this process in bytes. On Linux, `process.resourceUsage()` starts at the parent's peak and would hide
 * anything below it.
 */
export function peakMemory(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {}
  return process.resourceUsage().maxRSS * 1024
}
