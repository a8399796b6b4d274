import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GenerateOptions, resultOf, suggestedModels } from '#molm/index.js'
import { formatBytes } from '#molm/numbers.js'
import { repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { molm } from './molm.js'

const test = suite('README')
const text = await readFile(repositoryPath('README.md'), 'utf8')

test('the commands in README and of forms of answers print the output shown', async () => {
  const forms = await readFile(repositoryPath('docs/STRUCTURED.md'), 'utf8')
  const shown = [text, forms].map((text) => [...text.matchAll(/^\$ (.*npx molm .*)\n((?:.+\n)+?)(?=\n|```)/gm)])
  assert.equal(
    shown.map(({ length }) => length),
    [6, 3],
  )
  const printed = new Map<string, string>()
  for (const [, command, output] of shown.flat()) {
    if (!printed.has(command)) {
      const local = command.replace('npx molm', `"${process.execPath}" "${repositoryPath('bin/molm.js')}"`)
      const env = { ...process.env, MOLM_MODEL: 'nano' }
      const { stdout } = await promisify(execFile)('sh', ['-c', `(${local}) </dev/null`], { env })
      printed.set(command, stdout)
    }
    assert.is(printed.get(command), output, command)
  }
})

test('its questions get the same answers at nano’s own temperature with any seed', async () => {
  const questions = [...text.matchAll(/^\$ npx molm --temperature 0 "(.+)"$/gm)].map(([, question]) => question)
  assert.ok(questions.length > 3)
  await withModel('nano', { threads: 1 }, async (model) => {
    const session = model.createSession()
    const answer = async (question: string, options: GenerateOptions) => {
      session.reset()
      return (await resultOf(session.generate(`User: ${question}\nAssistant:`, options))).text
    }
    for (const question of questions) {
      const likeliest = await answer(question, { temperature: 0 })
      for (let seed = 0; seed < 20; seed++) assert.is(await answer(question, { seed }), likeliest, `seed ${seed}`)
    }
  })
})

test('its programs run with the installed library, and the conversation gets the answers of the command line', async () => {
  const programs = [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, program]) => program)
  assert.is(programs.length, 2)
  const library = JSON.stringify(pathToFileURL(repositoryPath('dist/index.js')))
  const [plain, conversation] = await Promise.all(
    programs.map(async (program) => {
      const source = program.replace("'molm'", library)
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source])
      return stdout
    }),
  )
  assert.match(plain, /12288 Int32Array/)
  const answers = ['A lantern is a light inside a case that can be carried.', 'The capital of France is Paris.']
  assert.is(conversation, answers.map((answer) => `${answer}\n`).join(''))
})

test('the program of answers by a schema prints what its comment says', async () => {
  const forms = await readFile(repositoryPath('docs/STRUCTURED.md'), 'utf8')
  const [[, program]] = forms.matchAll(/^```js\n(.*?)^```/gms)
  const source = program.replace("'molm'", JSON.stringify(pathToFileURL(repositoryPath('dist/index.js'))))
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source])
  assert.is(stdout, `${/message\.content\)\) \/\/ (.+)$/m.exec(program)?.[1]}\n`)
})

test('README describes every command', async () => {
  const { stdout } = await molm(['--help'])
  const commands = [...(/^Commands:\n((?: +.+\n)+)/m.exec(stdout)?.[1] ?? '').matchAll(/^ {2}([a-z]+) /gm)]
  assert.ok(commands.length > 10)
  for (const [, name] of commands) {
    if (name !== 'help') assert.match(text, new RegExp(`^\\| .*\`molm ${name}\`.* \\| .+ \\|$`, 'm'), name)
  }
})

test('README has the table of models of molm pull', () => {
  const rows = suggestedModels().map(({ computerGb, repo, fetchBytes, memoryBytes, speed }) => {
    const bytes = [fetchBytes, memoryBytes].map(formatBytes)
    return [`${computerGb} GB`, `\`${repo}\``, ...bytes, speed.prefill, speed.decode]
  })
  const table = rows.map((row) => `| ${row.join(' | ')} |\n`).join('')
  assert.ok(text.includes(`|---|---|---|---|---|---|\n${table}\n`), `README lacks these rows:\n${table}`)
})

test('links in README lead to existing files', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path)
  assert.ok(links.length > 10)
  for (const path of links) assert.ok(existsSync(repositoryPath(path)), path)
})

test.run()
