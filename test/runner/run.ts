// Runs the compiled test files whose path matches the pattern, or all: node build/test/runner/run.js [pattern] [--jobs N]
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'uvu/parse'
import { planned } from './order.js'
import { runFiles } from './run-files.js'
import type { Times } from './stopwatch.js'
import type { FileResult } from './worker-process.js'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))

/** Receives the times of every file and case. */
const TIMES = fileURLToPath(new URL('../../times.json', import.meta.url))

/** Number of files that the end of a run names. */
const DEAREST = 10

const { values, positionals } = parseArgs({ options: { jobs: { type: 'string' } }, allowPositionals: true })
const pattern = new RegExp(positionals[0] ?? '')
const { suites } = await parse(FOLDER, '\\.test\\.js$')
const files = suites.map(({ name }) => name.replaceAll('\\', '/')).filter((name) => pattern.test(name))
const start = performance.now()
const results: FileResult[] = []
const failures: string[] = []

const { total, passed, skipped } = await runFiles({
  folder: FOLDER,
  ...planned(files),
  jobs: Number(values.jobs ?? availableParallelism()),
  mostMs: 300_000,
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

await writeFile(TIMES, JSON.stringify(Object.fromEntries(results.map(timesOf)), undefined, 1))
const dearest = results.sort((a, b) => b.cpu - a.cpu).slice(0, DEAREST)
console.log('Dearest, in seconds of processors and by the clock:')
for (const { file, cpu, wall } of dearest) {
  console.log(`${cpu.toFixed(1).padStart(7)} ${wall.toFixed(1).padStart(6)}  ${file}`)
}
if (failures.length > 0) console.log(`Failed:  ${failures.join(', ')}`)
const seconds = ((performance.now() - start) / 1000).toFixed(1)
console.log(`\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  ${seconds} s\n`)
if (passed < total || total === 0) process.exitCode = 1

function timesOf({ file, cpu, wall, cases }: FileResult): [string, Times & { cases: Record<string, Times> }] {
  return [file, { wall, cpu, cases }]
}
