// Runs the compiled test files of a lane whose path matches one of the patterns, or all of them:
//   node build/test/runner/run.js [pattern...] [--lane quick|more|matrix|all] [--jobs N] [--shuffle SEED]
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isIn, LANES, matching, STRENGTH, strengthOf } from './lanes.js'
import { planned } from './order.js'
import { runFiles } from './run-files.js'
import type { Times } from './stopwatch.js'
import type { FileResult } from './worker-process.js'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))

const SOURCES = fileURLToPath(new URL('../../../test', import.meta.url))

/** Seconds that each file took in an earlier run (scripts/write-test-seconds.mjs). */
const SECONDS = join(SOURCES, 'runner', 'seconds.json')

/** Receives the times of every file and case in their last run. */
const TIMES = fileURLToPath(new URL('../../times.json', import.meta.url))

/** Number of files that the end of a run names. */
const DEAREST = 10

const options = {
  jobs: { type: 'string' },
  lane: { type: 'string', default: 'quick' },
  shuffle: { type: 'string' },
} as const
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const lane = LANES.find((name) => name === values.lane)
if (lane === undefined) throw new Error(`--lane is '${values.lane}'; it can be ${LANES.join(', ')}`)
process.env[STRENGTH] = String(strengthOf(lane))
const all = await sources()
const files = matching(
  positionals,
  all.filter((file) => isIn(lane, file)),
)
const seconds = JSON.parse(await readFile(SECONDS, 'utf8'))
const start = performance.now()
const results: FileResult[] = []
const failures: string[] = []

const { total, passed, skipped } = await runFiles({
  folder: FOLDER,
  ...planned(files, seconds, values.shuffle),
  jobs: Number(values.jobs ?? availableParallelism()),
  mostMs: 600_000,
  endMs: 30_000,
  colours: process.stdout.isTTY === true,
  onResult(result) {
    results.push(result)
    if (result.passed < result.total) failures.push(result.file)
    console.log(`${result.file}  ${result.wall.toFixed(1)} s\n${result.output.trimEnd()}\n`)
  },
  onFault(fault) {
    failures.push('processes')
    console.log(fault)
  },
})

// Files that have not run now keep their former times.
const former = JSON.parse(await readFile(TIMES, 'utf8').catch(() => '{}'))
const kept = Object.entries(former).filter(([file]) => all.includes(file))
await writeFile(TIMES, JSON.stringify(Object.fromEntries([...kept, ...results.map(timesOf)]), undefined, 1))
const dearest = results.sort((a, b) => b.cpu - a.cpu).slice(0, DEAREST)
console.log('Dearest, in seconds of processors and by the clock:')
for (const { file, cpu, wall } of dearest) {
  console.log(`${cpu.toFixed(1).padStart(7)} ${wall.toFixed(1).padStart(6)}  ${file}`)
}
const skipping = results.filter((result) => result.skipped > 0).map(({ file }) => file)
if (skipping.length > 0) console.log(`With skipped tests: ${skipping.join(', ')}`)
if (failures.length > 0) console.log(`Failed: ${failures.join(', ')}`)
const duration = ((performance.now() - start) / 1000).toFixed(1)
console.log(`\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  ${duration} s\n`)
if (passed < total || total === 0) process.exitCode = 1

/** Compiled test files, by their sources: those of sources that are gone may still be there. */
async function sources(): Promise<string[]> {
  const files = await readdir(SOURCES, { recursive: true })
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.replaceAll('\\', '/').replace(/ts$/, 'js'))
}

function timesOf({ file, cpu, wall, cases }: FileResult): [string, Times & { cases: Record<string, Times> }] {
  return [file, { wall, cpu, cases }]
}
