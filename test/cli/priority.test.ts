import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LOW as LOWERED, threadsBesideOthers } from '#molm/cli/parsing/priority-option.js'
import { ended, startMolm, TINY } from './molm.js'

const test = suite('the priority of a command')
const OWN = os.getPriority()
const LOW = Math.max(OWN, LOWERED)

/** Priorities of the threads of a process that has begun to write. */
async function priorities(args: string[], stdin: string): Promise<number[]> {
  const child = startMolm(['run', '-m', TINY, '-t', '2', ...args])
  child.stdin.end(stdin)
  const written = ended(child)
  try {
    await Promise.race([once(child.stdout, 'data'), written.then(({ stderr }) => Promise.reject(new Error(stderr)))])
    return process.platform === 'linux' ? ofThreads(child.pid as number) : [os.getPriority(child.pid)]
  } finally {
    child.kill('SIGKILL')
    await written
  }
}

/** Priorities in /proc: field 19, behind the name in brackets. */
function ofThreads(pid: number): number[] {
  const folder = `/proc/${pid}/task`
  const stats = readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/stat`, 'utf8'))
  return stats.map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]))
}

test('run lowers the priority of all its threads, unless it is to be normal or answers a batch', async () => {
  const long = ['--raw', '--ignore-eos', '-n', '100000']
  const low = await priorities([...long, 'Hi'], '')
  assert.ok(process.platform !== 'linux' || low.length > 2, 'threads of the engine and of the kernels')
  assert.equal([...new Set(low)], [LOW])
  assert.equal([...new Set(await priorities([...long, '--priority', 'normal', 'Hi'], ''))], [OWN])
  const lines = Array.from({ length: 2000 }, (_, i) => JSON.stringify({ prompt: `${i}` })).join('\n')
  assert.equal([...new Set(await priorities(['--raw', '-n', '20', '--batch', '-'], lines))], [OWN])
})

test('one core of many stays free', () => {
  assert.equal([1, 2, 4, 5, 16].map(threadsBesideOthers), [1, 2, 4, 4, 15])
})

test.run()
