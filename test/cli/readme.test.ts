import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatBytes } from '#molm/ground/numbers.js'
import { suggestedModels } from '#molm/index.js'
import { repositoryPath } from '../support/fixtures.js'
import { molm } from './molm.js'
import { assertShown } from './shown-commands.js'

const test = suite('README')
const text = await readFile(repositoryPath('README.md'), 'utf8')

test('the commands in README print the output shown', async () => {
  await assertShown(text, 6)
})

test('README describes every command', async () => {
  const { stdout } = await molm(['--help'])
  const commands = [...(/^Commands:\n((?: +.+\n)+)/m.exec(stdout)?.[1] ?? '').matchAll(/^ {2}([a-z]+) /gm)]
  assert.ok(commands.length > 10)
  for (const [, name] of commands) {
    if (name !== 'help') assert.match(text, new RegExp(`^\\| .*\`molm ${name}\`.* \\| .+ \\|$`, 'm'), name)
  }
})

test('README has the table of models of molm pull, which fit their computers', () => {
  const models = suggestedModels()
  const rows = models.map(({ computerGb, repo, fetchBytes, memoryBytes, speed, thinks, callsTools }) => {
    const bytes = [fetchBytes, memoryBytes].map(formatBytes)
    const abilities = [...(thinks ? ['thinks'] : []), ...(callsTools ? ['calls tools'] : [])].join(', ')
    return [`${computerGb} GB`, `\`${repo}\``, ...bytes, speed.prefill, speed.decode, abilities]
  })
  for (const { packedBytes, fetchBytes, memoryBytes, computerGb } of models) {
    assert.ok(packedBytes < fetchBytes / 3)
    assert.ok(packedBytes < memoryBytes && memoryBytes < computerGb * 0.6e9)
  }
  const table = rows.map((row) => `| ${row.join(' | ')} |\n`.replace('|  |', '| |')).join('')
  assert.ok(text.includes(`|---|---|---|---|---|---|---|\n${table}\n`), `README lacks these rows:\n${table}`)
})

test.run()
