// An answer beside other programs: decode of molm with the usual and with a low priority, and the work of endless loops beside it.
//
//   node bench/measure-beside.mjs [-m MODEL] [--tokens 200] [--rounds 3] [--loops 0,1,2]
//
// By turns: each round runs every number of loops with both priorities, and the loops alone. Prints medians. A unit of a loop
// is a million steps of an integer generator; the loops count only while molm's process lives.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    model: { type: 'string', short: 'm', default: 'nano' },
    tokens: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
    loops: { type: 'string', default: '0,1,2' },
  },
})
const BIN = fileURLToPath(new URL('../bin/molm.js', import.meta.url))
const LOOP = `
  let [units, x] = [0, 1]
  process.on('message', () => process.send(units))
  const work = () => {
    for (let i = 0; i < 1e6; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0
    units++
    setImmediate(work)
  }
  work()`
/** Seconds of the loops alone. */
const ALONE = 3

const figures = new Map()
const add = (name, value) => figures.set(name, [...(figures.get(name) ?? []), value])

for (let round = 0; round < Number(values.rounds); round++) {
  for (const count of values.loops.split(',').map(Number)) {
    for (const priority of ['normal', 'low']) {
      const { result, units } = await beside(count, () => decode(priority))
      add(`${count} loops, ${priority}: decode, tokens/s`, result)
      if (count > 0) add(`${count} loops, ${priority}: units/s`, units)
    }
    if (count > 0) add(`${count} loops alone: units/s`, (await beside(count, () => sleep(1000 * ALONE))).units)
  }
}
for (const [name, all] of figures)
  console.log(`${name}: ${median(all).toFixed(1)} (${all.map((x) => x.toFixed(1)).join(', ')})`)

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** Runs `work` beside endless loops. Resolves with its result and the units of all loops per second. */
async function beside(count, work) {
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', LOOP], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  )
  const unitsOf = async () => {
    const counted = children.map((child) => once(child, 'message'))
    for (const child of children) child.send('count')
    return (await Promise.all(counted)).reduce((sum, [units]) => sum + units, 0)
  }
  await unitsOf()
  const [before, start] = [await unitsOf(), performance.now()]
  const result = await work()
  const units = (1000 * ((await unitsOf()) - before)) / (performance.now() - start)
  for (const child of children) child.kill('SIGKILL')
  return { result, units }
}

/** Tokens per second of a generation. */
async function decode(priority) {
  const options = [
    '--raw',
    '--ignore-eos',
    '--json',
    '-t',
    '2',
    '-n',
    values.tokens,
    '--seed',
    '1',
    '--priority',
    priority,
  ]
  const child = spawn(
    process.execPath,
    [BIN, 'run', '-m', values.model, ...options, '--prompt-lookup-num-tokens', '0', 'Once upon a time'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let text = ''
  child.stdout.on('data', (data) => {
    text += data
  })
  await once(child, 'close')
  const { timings } = JSON.parse(text)
  return timings.decode_tokens_per_second
}
