// Sends hostile bodies of 4 MiB one by one to a `molm serve` of nano, and prints the cost of each: its duration, the
// longest wait of other requests meanwhile (/health, all the time), and the memory above that of the idle process.
// Exits with 1 if a wait or the memory exceeds its bound, or if an answer is wrong. The bounds are for an otherwise
// idle machine. Needs `npm run build` and the compiled tests (npx tsc -p test/tsconfig.json). Linux only, since it
// reads memory from /proc.
//
//   node bench/measure-bodies.mjs [--bytes 4194304] [--only NAME] [--molm bin/molm.js] [--limit 60]
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { hostileBodies } from '../build/test/server/hostile-bodies.js'
import { ask, MOLM, sleep, startNano } from './nano-server.mjs'

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: String(4 * 2 ** 20) },
    only: { type: 'string', default: '' },
    molm: MOLM,
    limit: { type: 'string', default: '60' },
  },
})
const LIMIT_MS = 1000 * Number(values.limit)
/** Maximum wait of other requests in milliseconds, and maximum memory in MB. */
const [MOST_WAIT, MOST_MEMORY] = [250, 256]

let server
let failures = 0
const bodies = hostileBodies(Number(values.bytes)).filter(({ name }) => name.includes(values.only))
for (const body of bodies) {
  server ??= await start()
  const { ms, wait, memory, status, text } = await cost(body)
  const faults = [
    wait > MOST_WAIT && `others may wait ${MOST_WAIT} ms`,
    memory > MOST_MEMORY && `${MOST_MEMORY} MB are allowed`,
    status !== body.status && `not ${body.status}: ${text.slice(0, 100)}`,
  ].filter(Boolean)
  if (faults.length > 0) failures++
  console.log(
    `${faults.length > 0 ? 'OVER' : 'ok  '} ${body.name.padEnd(34)} ${inPlaces(ms)} ms  others waited ${inPlaces(wait)} ms  ` +
      `+${Math.round(memory)} MB  ${[status, ...faults].join('; ')}`,
  )
  if (status !== undefined && server.isRunning) continue
  await server.end('SIGKILL')
  server = undefined
}
await server?.end('SIGTERM')
console.log(`${failures} of ${bodies.length} bodies above a bound or with another answer`)
process.exitCode = failures > 0 || bodies.length === 0 ? 1 : 0

async function start() {
  const started = await startNano({ molm: values.molm })
  await ask(started.url, 'POST', '/v1/completions', '{"prompt":"a","max_tokens":1}')
  return started
}

/** Cost of a body; without a status if there is no answer within the limit. */
async function cost({ path, text }) {
  writeFileSync(`/proc/${server.pid}/clear_refs`, '5')
  const idle = memoryOf('VmRSS')
  const started = performance.now()
  let answer
  ask(server.url, 'POST', path, text)
    .catch((error) => ({ text: String(error) }))
    .then((got) => {
      answer = got
    })
  // The timer does not keep the process alive.
  const limit = new Promise((resolve) => setTimeout(resolve, LIMIT_MS).unref())
  let wait = 0
  let memory = 0
  while (!answer && performance.now() - started < LIMIT_MS) {
    const before = performance.now()
    await Promise.race([ask(server.url, 'GET', '/health').catch(() => undefined), limit])
    wait = Math.max(wait, performance.now() - before)
    // A process that has ended has none.
    if (server.isRunning) memory = memoryOf('VmHWM') - idle
    await sleep(2)
  }
  return { ms: performance.now() - started, wait, memory, status: undefined, text: 'no answer', ...answer }
}

/** A value of the server's memory in MB. */
function memoryOf(name) {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024) / 1e6
}

function inPlaces(ms) {
  return String(Math.round(ms)).padStart(6)
}
