import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeCompiler } from '#molm/kernels/compiler/v8-flags.js'
import { repositoryPath } from '../support/fixtures.js'
import { PATIENCE_MS } from '../support/until.js'

const test = suite("V8's flags")

/** Output of a program that uses the library, one line per console.log. */
function linesOf(lines: string[], options: { args?: string[]; env?: object } = {}): string[] {
  const source = [
    `import { readFileSync } from 'node:fs'`,
    `import { loadModel } from ${JSON.stringify(repositoryPath('dist/index.js'))}`,
    ...lines,
  ].join('\n')
  const { NO_COLOR, FORCE_COLOR, MOLM_V8_FLAGS, MOLM_KERNELS, ...env } = process.env
  const args = [...(options.args ?? []), '--input-type=module', '--eval', source]
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    env: { ...env, ...options.env },
    encoding: 'utf8',
    timeout: 2 * PATIENCE_MS,
  })
  assert.is(stderr, '')
  return stdout.trim().split('\n')
}

const LOGITS = 'Buffer.from((await model.createSession().forward([5, 9, 2, 77])).logits.buffer).toString("base64")'

test('are also set back if loading is aborted at any moment', () => {
  const answers = linesOf([
    "const bytes = readFileSync('dist/kernels/relaxed.wasm')",
    'const before = WebAssembly.validate(bytes)',
    'for (let ms = 20; ms < 140; ms += 20) {',
    "  await loadModel('nano', { threads: 1, signal: AbortSignal.timeout(ms) }).then((model) => model.dispose(), () => 0)",
    "  if (WebAssembly.validate(bytes) !== before) console.log('not after', ms, 'ms')",
    '}',
    "const model = await loadModel('nano', { threads: 1 })",
    'console.log(model.tier)',
    'await model.dispose()',
  ])
  assert.equal(answers.length, 1, answers.join('\n'))
  assert.match(answers[0], /^relaxed/)
})

test('are never set with `v8Flags: false` and MOLM_V8_FLAGS=none, and the results are the same', () => {
  const program = (...options: string[]) =>
    options.flatMap((own) => [
      `{ const model = await loadModel('nano', { threads: 2, ${own} })`,
      'console.log(model.compiler)',
      `console.log(${LOGITS})`,
      'await model.dispose() }',
    ])
  const [without, logits, , others] = linesOf(program('v8Flags: false', 'v8Flags: true'))
  assert.is(without, describeCompiler([]))
  assert.is(others, logits)
  const none = linesOf(program('v8Flags: true'), { env: { MOLM_V8_FLAGS: 'none' } })
  assert.equal(none, [describeCompiler([]), logits])
})

test.run()
