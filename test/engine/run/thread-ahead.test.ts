import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../../support/fixtures.js'
import { PATIENCE_MS } from '../../support/until.js'

const test = suite('a thread started ahead')

/** Runs a program that imports the library and its engine threads. */
function runProgram(lines: string[]): { status: number | null; stdout: string; stderr: string } {
  const source = [
    `import { startThreadAhead, takeThread } from ${JSON.stringify(repositoryPath('dist/engine/run/reading/thread-ahead.js'))}`,
    `import { loadModel } from ${JSON.stringify(repositoryPath('dist/index.js'))}`,
    ...lines,
  ].join('\n')
  const { NO_COLOR, FORCE_COLOR, ...env } = process.env
  const args = ['--input-type=module', '--eval', source]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: PATIENCE_MS })
  return { status, stdout, stderr }
}

test('runs the next engine, and only that one', () => {
  const result = runProgram([
    'startThreadAhead()',
    'startThreadAhead()',
    "const models = [await loadModel('nano', { threads: 2 }), await loadModel('nano', { threads: 1 })]",
    'for (const model of models) console.log((await model.createSession().forward([5, 9, 2])).logits.length)',
    'for (const model of models) await model.dispose()',
  ])
  assert.equal(result, { status: 0, stdout: '4096\n4096\n', stderr: '' })
})

test('is taken once, and does not keep the process alive if no engine comes', () => {
  const result = runProgram([
    'startThreadAhead()',
    'const threads = [takeThread(), takeThread()]',
    'console.log(threads[0] === threads[1])',
    'for (const thread of threads) await thread.terminate()',
    'startThreadAhead()',
    "console.log('end')",
  ])
  assert.equal(result, { status: 0, stdout: 'false\nend\n', stderr: '' })
})

test.run()
