import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chatBody } from '#molm/server/api/chat-body.js'
import { completionBody } from '#molm/server/api/completion-body.js'
import { ollamaChatBody } from '#molm/server/api/ollama/chat.js'
import { ollamaOptions } from '#molm/server/api/ollama/fields.js'
import { generateBody } from '#molm/server/api/ollama/generate.js'
import { responsesBody } from '#molm/server/api/responses/body.js'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('documents')

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', ...readdirSync(repositoryPath('docs')).map((name) => `docs/${name}`)]
const PATH = /(?<![\w/])(?:src|test|assembly|bench|scripts|examples|\.ci)\/[\w./-]*\w/g

test('all files and folders that documents name exist', () => {
  const texts = DOCUMENTS.filter((name) => name.endsWith('.md')).map((name) =>
    readFileSync(repositoryPath(name), 'utf8'),
  )
  const quoted = texts.flatMap((text) => [...text.matchAll(/`[^`\n]+`/g)].map(([code]) => code))
  const paths = quoted.flatMap((code) => code.match(PATH) ?? [])
  assert.ok(paths.length > 100)
  assert.equal(
    paths.filter((path) => !existsSync(repositoryPath(path))),
    [],
  )
})

test('docs/SERVE.md names every field of the requests', () => {
  const text = readFileSync(repositoryPath('docs/SERVE.md'), 'utf8')
  const bodies = [chatBody, completionBody, ollamaChatBody, generateBody, ollamaOptions, responsesBody]
  const fields = new Set(bodies.flatMap(({ shape }) => Object.keys(shape)))
  assert.equal(
    [...fields].filter((field) => !text.includes(`\`${field}\``)),
    [],
  )
})

test('CHANGELOG.md has a section for the version in package.json, or for the next one', () => {
  const { version } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8'))
  const text = readFileSync(repositoryPath('CHANGELOG.md'), 'utf8')
  assert.ok(text.includes('## Unreleased') || text.includes(`## ${version}`))
  assert.match(text, new RegExp(`\\b${version.replaceAll('.', '\\.')}\\b`))
})

test.run()
