import { spawn } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { least } from '../support/least.js'
import { thrownBy } from '../support/rejects.js'
import { PATIENCE_MS } from '../support/until.js'

const test = suite('the end of a process')

const TINY = JSON.stringify(fixturePath('02-base-safetensors-f32'))

/** Runs a user's program of the library; rejects if it is still running after a minute. */
function runProgram(lines: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const library = `import { loadModel } from ${JSON.stringify(repositoryPath('dist/index.js'))}`
  const source = [library, ...lines].join('\n')
  return new Promise((resolve, reject) => {
    // Node warns on stderr if both are set, as they are when the tests themselves run without colours.
    const { NO_COLOR, FORCE_COLOR, ...env } = process.env
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { env })
    let out = ''
    let err = ''
    child.stdout.on('data', (data) => {
      out += data
    })
    child.stderr.on('data', (data) => {
      err += data
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the program did not end: ${out}${err}`))
    }, PATIENCE_MS)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, out, err })
    })
  })
}

test('comes on its own after dispose', async () => {
  const { code, out, err } = await runProgram([
    `const model = await loadModel(${TINY}, { threads: 3 })`,
    'const { logits } = await model.createSession().forward([5, 9, 2])',
    'await model.dispose()',
    'console.log(String(logits.length))',
  ])
  assert.equal({ code, out, err }, { code: 0, out: '320\n', err: '' })
})

test('comes on its own without dispose, once nothing is under way, and prints an error that was caught only', async () => {
  const { code, out, err } = await runProgram([
    "await loadModel('/no/such/model').catch((error) => console.log(error.message.includes('no such file or folder')))",
    `const model = await loadModel(${TINY}, { threads: 2 })`,
    'for await (const { index } of model.createSession().generate([5, 9], { maxTokens: 3, ignoreEos: true, stop: [] })) console.log(String(index))',
  ])
  assert.equal({ code, out, err }, { code: 0, out: 'true\n0\n1\n2\n', err: '' })
})

test('requests to a disposed model are refused', async () => {
  const model = await loadModel(fixturePath('02-base-safetensors-f32'), { threads: 1 })
  const session = model.createSession()
  await model.dispose()
  await model.dispose()
  for (const call of [() => session.forward([1]), () => model.stats(), () => session.generate([1]).next()]) {
    assert.match(String(await thrownBy(call())), /disposed/)
  }
})

test('dispose stops requests under way', async () => {
  const long = Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 4000)
  const waited = await least(2000, async () => {
    const model = await loadModel('nano', { threads: 2 })
    const reply = thrownBy(model.createSession().forward(long))
    await new Promise((resolve) => setTimeout(resolve, 30))
    const started = performance.now()
    await model.dispose()
    assert.match(String(await reply), /disposed/)
    return performance.now() - started
  })
  assert.ok(waited < 2000, `${waited} ms`)
})

test.run()
