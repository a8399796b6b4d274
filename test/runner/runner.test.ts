import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { combinations } from '../support/combinations.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { isIn, type Lane, matching } from './lanes.js'
import { runFiles } from './run-files.js'
import type { FileResult } from './worker-process.js'

const HEAD = `import { test } from '${import.meta.resolve('uvu')}'\n`
const PASSING = `${HEAD}test('one', () => {})\ntest('two', () => {})\ntest.skip('three', () => {})\ntest.run()\n`

/** Runs files with these texts, two at a time, the last one alone. */
function ran(files: Record<string, string>, { mostMs = 60_000, endMs = 60_000 } = {}) {
  return inTemporaryFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const together = Object.keys(files)
    const alone = together.splice(-1)
    const outputs: Record<string, string> = {}
    const faults: string[] = []
    const onResult = ({ file, output }: FileResult) => {
      outputs[file] = output
    }
    const onFault = (fault: string) => faults.push(fault)
    const limits = { folder, together, alone, jobs: 2, mostMs, endMs, colours: false }
    const counts = await runFiles({ ...limits, onResult, onFault })
    return { counts, outputs, faults }
  })
}

test('what goes wrong in a file is a failed test with its output, and the counts of all files are summed up', async () => {
  const { counts, outputs, faults } = await ran({
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
  assert.equal(faults, [])
  assert.is(Object.keys(outputs).at(-1), 'passes.mjs', 'alone, after the others')
  for (const [name, output] of Object.entries({
    fails: /FAIL +"breaks"\s+broken/,
    skips: /^(?!.*FAIL)/s,
    throws: /FAIL +throws\.mjs: Error: at the top/,
    ends: /FAIL +ends\.mjs: the process ended: exit code 1/,
    dies: /FAIL +dies\.mjs: the process ended: SIGKILL/,
    rejects: /unseen[\s\S]+FAIL +rejects\.mjs: the process ended: exit code 1/,
    empty: /FAIL +empty\.mjs: it has no tests/,
    passes: /^• •\s+\(2 \/ 2\)/,
  })) {
    assert.match(outputs[`${name}.mjs`], output)
  }
})

test('a file that hangs is given up, and one that leaves something open is named when its process does not end', async () => {
  const hangs = `${HEAD}test('hangs', () => new Promise(() => {}))\ntest.run()\n`
  const hanging = await ran({ 'hangs.mjs': hangs }, { mostMs: 200 })
  assert.equal(hanging.counts, { total: 1, passed: 0, skipped: 0 })
  assert.match(hanging.outputs['hangs.mjs'], /FAIL +hangs\.mjs: no end within 0\.2 s/)
  if (spawnSync('ps').status === 0) assert.match(hanging.outputs['hangs.mjs'], /process \d+: .*worker\.js/)
  const { counts, faults } = await ran({ 'open.mjs': `setInterval(() => {}, 1000)\n${PASSING}` }, { endMs: 200 })
  assert.equal(counts, { total: 3, passed: 2, skipped: 1 })
  assert.match(faults.join('\n'), /FAIL +after the end of open\.mjs: the process did not end within 0\.2 s/)
})

test('the name of a file decides its lanes', () => {
  const lanesOf = (file: string) => (['quick', 'more', 'matrix', 'all'] as Lane[]).filter((lane) => isIn(lane, file))
  assert.equal(lanesOf('a/b.test.js'), ['quick', 'all'])
  assert.equal(lanesOf('a/b.more.test.js'), ['more', 'all'])
  assert.equal(lanesOf('a/b.matrix.test.js'), ['quick', 'matrix', 'all'])
})

test('several patterns choose files together, and one that matches none is refused', () => {
  const files = ['cli/help.test.js', 'cli/run.test.js', 'server/routes.test.js']
  assert.equal(matching([], files), files)
  assert.equal(matching(['^server/', 'help'], files), ['cli/help.test.js', 'server/routes.test.js'])
  assert.throws(() => matching(['help', 'pages', 'x$'], files), /^no test file of this lane matches pages, x\$$/)
})

test('of the combinations few are taken, and any values of two or three axes meet', () => {
  const axes = { a: [1, 2, 3], b: ['x', 'y', 'z'], c: [true, false], d: [0, 1] }
  const pairs = combinations(axes, 2)
  assert.is(pairs.length, 9)
  for (const a of axes.a) {
    for (const c of axes.c) assert.ok(pairs.some((point) => point.a === a && point.c === c))
  }
  const triples = combinations(axes, 3)
  assert.is(triples.length, 18)
  for (const a of axes.a) {
    for (const b of axes.b) {
      for (const d of axes.d) assert.ok(triples.some((point) => point.a === a && point.b === b && point.d === d))
    }
  }
  assert.is(combinations(axes, Number.POSITIVE_INFINITY).length, 36)
})

test.run()
