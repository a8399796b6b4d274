import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { combinations } from '../support/combinations.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { isIn, type Lane } from './lanes.js'
import { planned } from './order.js'
import { runFiles } from './run-files.js'
import type { FileResult } from './worker-process.js'

const HEAD = `import { test } from '${import.meta.resolve('uvu')}'\n`
const PASSING = `${HEAD}test('one', () => {})\ntest('two', () => {})\ntest.skip('three', () => {})\ntest.run()\n`

interface Ran {
  counts: { total: number; passed: number; skipped: number }
  results: Map<string, FileResult>
  faults: string[]
}

/** Runs files with these texts, two at a time. */
function ran(
  files: Record<string, string>,
  { alone = [] as string[], mostMs = 60_000, endMs = 60_000 } = {},
): Promise<Ran> {
  return inTemporaryFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const results = new Map<string, FileResult>()
    const faults: string[] = []
    const counts = await runFiles({
      folder,
      together: Object.keys(files).filter((name) => !alone.includes(name)),
      alone,
      jobs: 2,
      mostMs,
      endMs,
      colours: false,
      onResult: (result) => results.set(result.file, result),
      onFault: (fault) => faults.push(fault),
    })
    return { counts, results, faults }
  })
}

test('the counts of all files are summed up', async () => {
  const { counts, results, faults } = await ran(
    { 'a.mjs': PASSING, 'b.mjs': PASSING, 'c.mjs': PASSING },
    { alone: ['b.mjs'] },
  )
  assert.equal(counts, { total: 6, passed: 6, skipped: 3 })
  assert.equal([...results.keys()].sort(), ['a.mjs', 'b.mjs', 'c.mjs'])
  assert.is([...results.keys()].at(-1), 'b.mjs', 'alone, after the others')
  assert.match(results.get('a.mjs')?.output ?? '', /^• •\s+\(2 \/ 2\)/)
  assert.equal(faults, [])
})

test('what goes wrong in a file is a failed test with its output, and the other files still run', async () => {
  const { counts, results } = await ran({
    'fails.mjs': `${HEAD}test('breaks', () => {\n  throw new Error('broken')\n})\ntest('works', () => {})\ntest.run()\n`,
    'skips.mjs': `${HEAD}test.skip('one', () => {})\ntest.skip('two', () => {})\ntest.run()\n`,
    'throws.mjs': 'throw new Error("at the top")\n',
    'ends.mjs': `${HEAD}test('ends', () => process.exit(0))\ntest.run()\n`,
    'dies.mjs': `${HEAD}test('dies', () => process.kill(process.pid, 'SIGKILL'))\ntest.run()\n`,
    'rejects.mjs': `${HEAD}test('rejects', async () => {\n  Promise.reject(new Error('unseen'))\n  await new Promise(() => {})\n})\ntest.run()\n`,
    'empty.mjs': '',
    'passes.mjs': PASSING,
  })
  assert.equal(counts, { total: 9, passed: 3, skipped: 3 })
  const output = (name: string) => results.get(`${name}.mjs`)?.output ?? ''
  assert.match(output('fails'), /FAIL +"breaks"\s+broken/)
  assert.not.match(output('skips'), /FAIL/)
  assert.match(output('throws'), /FAIL +throws\.mjs: Error: at the top/)
  assert.match(output('ends'), /FAIL +ends\.mjs: the process ended: exit code 1/)
  assert.match(output('dies'), /FAIL +dies\.mjs: the process ended: SIGKILL/)
  assert.match(output('rejects'), /unseen[\s\S]+FAIL +rejects\.mjs: the process ended: exit code 1/)
  assert.match(output('empty'), /FAIL +empty\.mjs: it has no tests/)
})

test('a file that hangs is given up, and is a failed test', async () => {
  const hangs = `${HEAD}test('hangs', () => new Promise(() => {}))\ntest.run()\n`
  const { counts, results } = await ran({ 'hangs.mjs': hangs }, { mostMs: 200 })
  assert.equal(counts, { total: 1, passed: 0, skipped: 0 })
  assert.match(results.get('hangs.mjs')?.output ?? '', /FAIL +hangs\.mjs: no end within 0\.2 s/)
})

test('a file that leaves something open is named when its process does not end', async () => {
  const { counts, faults } = await ran({ 'open.mjs': `setInterval(() => {}, 1000)\n${PASSING}` }, { endMs: 200 })
  assert.equal(counts, { total: 3, passed: 2, skipped: 1 })
  assert.match(faults.join('\n'), /FAIL +after the end of open\.mjs: the process did not end within 0\.2 s/)
})

test('long and new files come first, and files that measure run alone', () => {
  const seconds = { 'a.test.js': 1, 'b.test.js': 3, 'c.test.js': 2 }
  const files = ['a.test.js', 'session/responsiveness.test.js', 'b.test.js', 'c.test.js', 'new.test.js']
  assert.equal(planned(files, seconds), {
    together: ['new.test.js', 'b.test.js', 'c.test.js', 'a.test.js'],
    alone: ['session/responsiveness.test.js'],
  })
})

test('the name of a file decides its lanes', () => {
  const lanesOf = (file: string) => (['quick', 'more', 'matrix', 'all'] as Lane[]).filter((lane) => isIn(lane, file))
  assert.equal(lanesOf('a/b.test.js'), ['quick', 'all'])
  assert.equal(lanesOf('a/b.more.test.js'), ['more', 'all'])
  assert.equal(lanesOf('a/b.matrix.test.js'), ['quick', 'matrix', 'all'])
})

test('of the combinations of three axes few are taken, and each two values meet', () => {
  const axes = { a: [1, 2, 3], b: ['x', 'y', 'z'], c: [true, false] }
  const points = combinations(axes, false)
  assert.is(points.length, 9)
  for (const a of axes.a) {
    for (const c of axes.c) assert.ok(points.some((point) => point.a === a && point.c === c))
  }
  assert.is(combinations(axes, true).length, 18)
})

test.run()
