// Runs the test files that its parent process names, one after another in this process, which then reads the code under
// test only once. A message to the parent says when a file has ended.
import { pathToFileURL } from 'node:url'
import '../support/kept-kernels.js'
import { CaseTimes, Stopwatch } from './stopwatch.js'
import type { Ended, Request } from './worker-process.js'

declare global {
  var UVU_DEFER: number
  var UVU_INDEX: number
  var UVU_QUEUE: unknown[][]
}

let caseTimes = new CaseTimes()
// uvu has no hook for the cases of all suites, but writes each name to the state of its suite before the case runs, and
// an empty text after the last one.
Object.defineProperty(Object.prototype, '__test__', { set: (name: string) => caseTimes.begin(name) })

// uvu leaves it to its caller when tests run.
globalThis.UVU_DEFER = 1
const uvu = await import('uvu')
// The colours are for uvu, and not for the programs that the tests start.
delete process.env.FORCE_COLOR

const OWN_CONSOLE = { ...console }
const OWN_ENVIRONMENT = { ...process.env }

let isRunning = false
process.on('message', async ({ path }: Request) => {
  isRunning = true
  const watch = new Stopwatch()
  caseTimes = new CaseTimes()
  const error = await run(path).then(() => undefined, describe)
  // Screens of Ink that end in another order than they began leave it without methods.
  Object.assign(console, OWN_CONSOLE)
  // Every file begins with the variables that the run was started with.
  for (const name of Object.keys(process.env)) if (!(name in OWN_ENVIRONMENT)) delete process.env[name]
  Object.assign(process.env, OWN_ENVIRONMENT)
  isRunning = false
  const { cpu } = watch.read()
  process.send?.({ error, bytes: process.memoryUsage.rss(), cpu, cases: caseTimes.taken } satisfies Ended)
})

process.on('disconnect', () => {
  // The parent is gone, and so is the reader of the rest.
  if (isRunning) process.exit(1)
})

async function run(path: string): Promise<void> {
  globalThis.UVU_QUEUE = [[null]]
  globalThis.UVU_INDEX = 0
  await import(pathToFileURL(path).href)
  await uvu.exec()
  // The output has the result. From here on, another exit code than 0 means a failure after the end.
  process.exitCode = 0
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
