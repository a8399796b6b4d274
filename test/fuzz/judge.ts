import { readFileSync } from 'node:fs'
import { UserError } from '#molm/errors.js'
import { type Files, lay, sizeOf } from './files.js'
import { type Reader, Wrong } from './format.js'
import { beginWatch, endWatch } from './write-guard.js'

/** What a reader makes of an input: accepted, refused with a UserError, or a fault of molm, described. */
export type Verdict = 'accepted' | 'refused' | { fault: string }

/** Bytes of memory that reading may take beyond the input's own. */
const MOST_MEMORY = 256 * 2 ** 20

/** Prototypes that no input may reach. */
const PROTOTYPES: object[] = [Object, Array, Function, String, Number, Map, Promise, Uint8Array].map(
  ({ prototype }) => prototype,
)

/** Lets a reader have an input, and says what came of it. */
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
  if (written.length > 0) return { fault: `wrote outside of its folder: ${written[0]}` }
  if (keysOfPrototypes() !== keys) return { fault: 'a prototype has another number of properties' }
  const more = peakMemory() - memory
  if (more > MOST_MEMORY + sizeOf(files)) return { fault: `took ${Math.round(more / 1e6)} MB of memory` }
  return verdict
}

function verdictOf(error: unknown, isSound: boolean): Verdict {
  if (error instanceof Wrong) return { fault: `accepted, but ${error.message}` }
  if (!(error instanceof UserError)) return { fault: `not foreseen: ${stackOf(error)}` }
  const { message } = error
  if (isSound) return { fault: `refused a sound input: ${message}` }
  if (message.split('\n').length > 2) return { fault: `told in more than two lines: ${JSON.stringify(message)}` }
  if (message.length > 1000) return { fault: `told in ${message.length} characters: ${message.slice(0, 300)}` }
  const control = /[^\P{Cc}\n]/u.exec(message)
  if (control) return { fault: `told with control characters: ${JSON.stringify(message)}` }
  return 'refused'
}

/** The message and the first lines of where. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error).slice(0, 200)}`
  const lines = (error.stack ?? error.message).split('\n').map((line) => line.slice(0, 300))
  return lines.slice(0, 5).join('\n')
}

function keysOfPrototypes(): number {
  return PROTOTYPES.reduce((sum, prototype) => sum + Reflect.ownKeys(prototype).length, 0)
}

/**
 * Most bytes that this process has held at once. The system's account of resources would do, but on Linux it begins with
 * the peak of the process that has started this one, below which nothing is seen.
 */
export function peakMemory(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {}
  return process.resourceUsage().maxRSS * 1024
}
