// Reads one input after another in a process that may hang, crash or be killed. supervisor.ts starts and watches it.
import { mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Chance } from './chance.js'
import { type Files, lay, sizeOf } from './files.js'
import type { Format } from './format.js'
import { type FromChild, type Job, PROGRESS_BYTES } from './job.js'
import { judge, peakMemory, type Verdict } from './judge.js'
import { installWriteGuard } from './write-guard.js'

/** Number of sound inputs to read before measuring, so that all code is loaded. */
const WARM_UP = 3
/** Growth in bytes after which the process is replaced, so that the next inputs are measured reliably. */
const MOST_GROWTH = 300 * 2 ** 20

const job: Job = JSON.parse(process.argv[2])
const tell = (message: FromChild) => process.send?.(message)

/** Lets the environment lead only to the child's folders. */
function settle(dir: string): void {
  const variables = { HOME: 'home', MOLM_HOME: 'molm', HF_HOME: 'hf', XDG_DATA_HOME: 'data', XDG_CACHE_HOME: 'cache' }
  for (const [name, folder] of Object.entries(variables)) process.env[name] = join(dir, folder)
  mkdirSync(join(dir, 'here'))
  process.chdir(join(dir, 'here'))
}

async function run(): Promise<void> {
  settle(job.dir)
  const { FORMATS } = (await import(job.table)) as { FORMATS: Record<string, () => Promise<Format>> }
  const prepared = join(job.dir, 'prepared')
  mkdirSync(prepared)
  const reader = await (await FORMATS[job.format]()).prepare(prepared)
  installWriteGuard()
  const input = join(job.dir, 'input')
  const progress = openSync(join(job.dir, 'progress'), 'w')
  const counts = { accepted: 0, refused: 0 }
  const mark = (at: number) =>
    writeSync(progress, Float64Array.of(counts.accepted, counts.refused, at), 0, PROGRESS_BYTES, 0)

  let at = job.from
  const read = async (files: Files, notes: string[]): Promise<Verdict> => {
    if (job.keep) {
      lay(job.keep, files)
      writeFileSync(`${job.keep}.txt`, notes.join('\n'))
    }
    return judge(reader, files, input, notes.length === 0)
  }
  const fail = (fault: string) => tell({ kind: 'fault', case: at, fault })
  process.on('unhandledRejection', (error) => {
    fail(`unhandled rejection: ${error instanceof Error ? error.stack : error}`)
    process.exit(1)
  })

  for (let i = 0; i < WARM_UP; i++) {
    const verdict = await judge(reader, reader.sound(new Chance(job.seed, job.format, -1 - i)), input, true)
    if (typeof verdict === 'object') throw new Error(`a sound input: ${verdict.fault}`)
  }
  const begun = peakMemory()
  for (; at < job.to; at++) {
    mark(at)
    const { files, notes } = makeCase(at)
    const room = begun + MOST_GROWTH + sizeOf(files)
    const verdict = await read(files, notes)
    if (verdict === 'accepted') counts.accepted++
    else if (verdict === 'refused') counts.refused++
    else fail(verdict.fault)
    if (peakMemory() > room) {
      at++
      break
    }
  }
  mark(at)
  await reader.close?.()
  tell({ kind: 'end', next: at })
  process.disconnect?.()

  function makeCase(index: number): { files: Files; notes: string[] } {
    const chance = new Chance(job.seed, job.format, index)
    const sound = reader.sound(chance)
    const files = chance.oneIn(16) ? sound : reader.harm(sound, chance)
    return { files, notes: chance.notes }
  }
}

await run()
process.exit()
