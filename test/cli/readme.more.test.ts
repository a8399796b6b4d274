import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type GenerateOptions, resultOf } from '#molm/index.js'
import { repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { assertShown } from './shown-commands.js'

const test = suite('README')
const text = await readFile(repositoryPath('README.md'), 'utf8')

test('its questions get the same answers at nano’s own temperature with any seed', async () => {
  const questions = [...text.matchAll(/^\$ npx molm --temperature 0 "(.+\?)"$/gm)].map(([, question]) => question)
  assert.ok(questions.length > 2)
  await withModel('nano', { threads: 1 }, async (model) => {
    const session = model.createSession()
    const answer = async (question: string, options: GenerateOptions) => {
      session.reset()
      const { text } = await resultOf(session.generate(`User: ${question}\nAssistant:`, options))
      return text.trim()
    }
    for (const question of questions) {
      const likeliest = await answer(question, { temperature: 0 })
      for (let seed = 0; seed < 20; seed++) assert.is(await answer(question, { seed }), likeliest, `seed ${seed}`)
    }
  })
})

test('the commands in docs/STRUCTURED.md print the output shown', async () => {
  await assertShown(await readFile(repositoryPath('docs/STRUCTURED.md'), 'utf8'), 8)
})

test('the program of answers by a schema prints what its comment says', async () => {
  const forms = await readFile(repositoryPath('docs/STRUCTURED.md'), 'utf8')
  const [[, program]] = forms.matchAll(/^```js\n(.*?)^```/gms)
  const source = program.replace("'molm'", JSON.stringify(pathToFileURL(repositoryPath('dist/index.js'))))
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source])
  assert.is(stdout, `${/message\.content\)\) \/\/ (.+)$/m.exec(program)?.[1]}\n`)
})

test.run()
