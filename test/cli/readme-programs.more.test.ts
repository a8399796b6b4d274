import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('README')
const text = await readFile(repositoryPath('README.md'), 'utf8')

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

test.run()
