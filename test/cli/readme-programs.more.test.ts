import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'

const test = suite('programs in documents')

/** Runs the only program in JavaScript of a document with the installed library. Returns what it prints. */
async function printed(document: string): Promise<string> {
  const text = await readFile(repositoryPath(document), 'utf8')
  const programs = [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, program]) => program)
  assert.is(programs.length, 1, document)
  const source = programs[0].replace("'molm'", JSON.stringify(pathToFileURL(repositoryPath('dist/index.js'))))
  return (await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source])).stdout
}

test('README’s conversation gets the answer of the command line, and the experts of each token', async () => {
  const lines = (await printed('README.md')).trimEnd().split('\n')
  assert.is(lines.pop(), LANTERN.answer)
  assert.match(lines[0], /^A Int32Array\(4\) \[/)
  assert.ok(lines.length > 10)
  assert.not(
    lines.some((line) => line.startsWith(' Int32Array')),
    'tokens of the stop text have no line',
  )
})

test('the program of docs/EXPERTS.md prints the logits and experts of three tokens', async () => {
  assert.match(await printed('docs/EXPERTS.md'), /12288 Int32Array/)
})

test.run()
