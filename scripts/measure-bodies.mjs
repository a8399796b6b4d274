// Sends one hostile body of 4 MiB after the other to a `molm serve` of nano, and prints what each cost: how long it took,
// how long any other request waited meanwhile (/health, asked all the time), and the memory above the idle process. Needs
// `npm run build` and the compiled tests (npx tsc -p test/tsconfig.json). Linux only: memory is read from /proc.
//
//   node scripts/measure-bodies.mjs [--bytes 4194304] [--only NAME] [--molm bin/molm.js] [--limit 60]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { parseArgs } from 'node:util'
import { hostileBodies } from '../build/test/server/hostile-bodies.js'

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: String(4 * 2 ** 20) },
    only: { type: 'string', default: '' },
    molm: { type: 'string', default: 'bin/molm.js' },
    limit: { type: 'string', default: '60' },
  },
})
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

let server
for (const body of hostileBodies(Number(values.bytes)).filter(({ name }) => name.includes(values.only))) {
  server ??= await start()
  const idle = server.memory('VmRSS')
  server.forgetPeak()
  const started = performance.now()
  let done = false
  const answer = ask(server.port, 'POST', body.path, body.text).finally(() => (done = true))
  let longest = 0
  while (!done && performance.now() - started < 1000 * Number(values.limit)) {
    const before = performance.now()
    await Promise.race([ask(server.port, 'GET', '/health'), sleep(1000 * Number(values.limit))])
    longest = Math.max(longest, performance.now() - before)
    await sleep(2)
  }
  const { status, text } = done ? await answer : { status: 'none', text: '' }
  const ms = Math.round(performance.now() - started)
  const peak = server.memory('VmHWM') - idle
  const right = status === body.status ? '' : ` (not ${body.status}: ${text.slice(0, 100)})`
  console.log(
    `${body.name.padEnd(34)} ${String(ms).padStart(6)} ms  others waited ${String(Math.round(longest)).padStart(6)} ms  +${Math.round(peak)} MB  ${status}${right}`,
  )
  if (done) continue
  server.child.kill('SIGKILL')
  server = undefined
}
server?.child.kill()

async function start() {
  const child = spawn(process.execPath, [values.molm, 'serve', '--port', '0', '-q'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  const { port } = new URL(/http:\/\/[^\s/]+/.exec(String(said))[0])
  const memory = (name) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024
  await ask(port, 'POST', '/v1/completions', '{"prompt":"a","max_tokens":1}')
  return { child, port, memory, forgetPeak: () => writeFileSync(`/proc/${child.pid}/clear_refs`, '5') }
}

function ask(port, method, path, text) {
  return new Promise((resolve) => {
    const headers =
      text === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
    const request = http.request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let answer = ''
      response.setEncoding('utf8').on('data', (piece) => (answer += piece))
      response.on('close', () => resolve({ status: response.statusCode, text: answer }))
    })
    request.on('error', (error) => resolve({ status: error.message, text: '' }))
    request.end(text)
  })
}
