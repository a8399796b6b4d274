import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { repositoryPath } from '../support/fixtures.js'
import { compileOther, isRight, warmUp } from '../support/other-module.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('other WebAssembly modules of the process')

test('compute correctly, whether compiled before, during or after the loading of a model', async () => {
  const before = compileOther()
  const optimised = compileOther()
  await warmUp(optimised)
  const loading = loadModel('nano', { threads: 2 })
  const others = [before, optimised]
  let isLoaded = false
  const loaded = loading.then(() => {
    isLoaded = true
  })
  while (!isLoaded) {
    const other = compileOther()
    other(1000, 0)
    others.push(other)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await loaded
  others.push(compileOther())
  assert.ok(others.length > 3)
  for (const other of others) assert.ok(isRight(other))
  await warmUp(before)
  assert.ok(isRight(before))
  const model = await loading
  const { logits } = await model.createSession().forward([5, 9, 2])
  assert.is(logits.length, model.config.vocabSize)
  await model.dispose()
})

/** All flags of V8 with their values, as V8 reports them after a program. The end of a pipe would be lost. */
function flagsAfter(dir: string, lines: string[]): string[] {
  const source = ["import v8 from 'node:v8'", ...lines, "v8.setFlagsFromString('--help')"].join('\n')
  const path = join(dir, 'flags')
  const file = openSync(path, 'w')
  spawnSync(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['ignore', file, 'ignore'] })
  closeSync(file)
  return readFileSync(path, 'utf8').split('\n')
}

test('find all V8 flags unchanged once the kernels are compiled', () =>
  inTemporaryFolder(async (dir) => {
    const before = flagsAfter(dir, [])
    const changes = (lines: string[]) => flagsAfter(dir, lines).filter((line, i) => line !== before[i])
    assert.ok(before.length > 1000)
    const library = `import { loadModel } from ${JSON.stringify(repositoryPath('dist/index.js'))}`
    assert.equal(changes([library, "await (await loadModel('nano', { threads: 2 })).dispose()"]), [])
    assert.ok(changes(["v8.setFlagsFromString('--no-wasm-lazy-compilation')"]).length > 0)
  }))

test.run()
