// Measures what the chat's screen costs while an answer runs, what it writes, and how soon a typed key appears. Needs
// `npm run build`, the compiled tests (test/tsconfig.json), the `script` command and Linux.
//   node bench/measure-chat.mjs [-m MODEL] [-n TOKENS] [--rounds N] [--window 100x30] [--dir CHECKOUT]...
//
// The main thread draws. So the cost is the CPU time of the main thread for an answer, minus its CPU time for the same
// answer on a terminal that only takes lines (TERM=dumb). It is given as a share of the CPU time of all threads. With
// several checkouts, their rounds are run by turns.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { PseudoTerminal } from '../build/test/support/pseudo-terminal.js'

const { values } = parseArgs({
  options: {
    model: { type: 'string', short: 'm', default: 'nano' },
    tokens: { type: 'string', short: 'n', default: '2000' },
    rounds: { type: 'string', default: '5' },
    window: { type: 'string', default: '100x30' },
    dir: { type: 'string', multiple: true, default: ['.'] },
  },
})
const [columns, rows] = values.window.split('x').map(Number)
const TICKS = 100
const KEYS = 40
const MINUTES = 600_000

const results = values.dir.map(() => ({ plain: [], drawn: [], keys: [] }))
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [i, dir] of values.dir.entries()) {
    results[i].plain.push(await answer(dir, 'dumb'))
    results[i].drawn.push(await answer(dir, 'xterm-256color'))
  }
}
for (const [i, dir] of values.dir.entries()) results[i].keys = await keys(dir)

for (const [i, { plain, drawn, keys }] of results.entries()) {
  const without = median(plain.map(({ drawer }) => drawer))
  const shares = drawn.map(({ drawer, all }) => (100 * (drawer - without)) / all)
  const frame = drawn.map(({ drawer, frames }) => (1000 * (drawer - without)) / frames)
  const figure = (name) => median(drawn.map((run) => run[name]))
  console.log(
    `${values.dir[i]}: ${values.model}, at most ${values.tokens} tokens, ${values.window}, medians of ${drawn.length}`,
  )
  const [slow, quick] = [drawn, plain].map((runs) => median(runs.map((run) => run.seconds)))
  console.log(`  ${slow.toFixed(2)} s for the answer, ${quick.toFixed(2)} s on a terminal that only takes lines`)
  console.log(
    `  drawing: ${median(shares).toFixed(1)} % of the CPU time (${shares.map((s) => s.toFixed(1)).join(', ')})`,
  )
  console.log(`  ${median(frame).toFixed(1)} ms a frame, ${(figure('frames') / figure('seconds')).toFixed(1)} frames/s`)
  console.log(`  ${Math.round(figure('bytes') / 1000)} kB for the answer`)
  console.log(`  key to echo: median ${median(keys).toFixed(1)} ms, most ${Math.max(...keys).toFixed(1)} of ${KEYS}`)
}

/** One answer in a new chat: seconds by the clock and of the CPU, frames and bytes. */
async function answer(dir, TERM) {
  const terminal = await chat(dir, TERM, values.tokens)
  const before = seconds(terminal.program)
  const [from, start] = [terminal.output.length, performance.now()]
  terminal.type('Tell me a long story.\r')
  const isOver = () => (TERM === 'dumb' ? /\n> $/ : / tok\/s/).test(terminal.output.slice(from))
  await terminal.waitUntil(isOver, 'the answer', MINUTES)
  const elapsed = (performance.now() - start) / 1000
  const after = seconds(terminal.program)
  const output = terminal.output.slice(from)
  await leave(terminal)
  return {
    seconds: elapsed,
    drawer: after.drawer - before.drawer,
    all: after.all - before.all,
    frames: output.split('\x1b[?2026h').length - 1,
    bytes: Buffer.byteLength(output),
  }
}

/** Milliseconds until each of some typed letters appears while an answer runs. */
async function keys(dir) {
  const terminal = await chat(dir, 'xterm-256color', '1000000')
  terminal.type('Tell me a long story.\r')
  await terminal.waitUntil(() => / · answering · /.test(terminal.output), 'the answer')
  const latencies = []
  for (let i = 0; i < KEYS; i++) {
    await wait(90 + 37 * (i % 5))
    const letter = String.fromCharCode(97 + (i % 26))
    const [from, start] = [terminal.output.length, performance.now()]
    terminal.type(letter)
    const isThere = () => new RegExp(`› .*${letter}\x1b\\[7m`).test(terminal.output.slice(from))
    while (!isThere()) await new Promise(setImmediate)
    latencies.push(performance.now() - start)
  }
  await leave(terminal)
  return latencies
}

async function chat(dir, TERM, tokens) {
  const options = ['-m', values.model, '-n', tokens, '--ignore-eos', '--temperature', '0.8', '--seed', '1']
  const args = [join(resolve(dir), 'bin/molm.js'), 'chat', '--no-history', ...options]
  const terminal = await PseudoTerminal.start({ args, env: { TERM }, columns, rows, outputOnly: true })
  await terminal.waitUntil(() => terminal.output.includes('/help'), 'the chat', MINUTES)
  // Only the last token ends an answer.
  terminal.type('/set stop none\r')
  await wait(1000)
  return terminal
}

async function leave(terminal) {
  terminal.type('\x03\x03\x03')
  await terminal.close()
}

/** CPU seconds so far of the main thread, in nanosecond resolution, and of all threads. */
function seconds(pid) {
  const drawer = Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  const [, , , , , , , , , , , user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) /)[1].split(' ')
  return { drawer, all: (Number(user) + Number(system)) / TICKS }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
