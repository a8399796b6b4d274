import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatBytes } from '#molm/ground/numbers.js'
import { knownModels } from '#molm/index.js'
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

test('README’s rows of models with a short name are also in the table', async () => {
  const models = await knownModels({ speed: { streamed: ANY, products: ANY, call: 1 }, memory: 1e12 })
  const rows = models.map(({ name, source, fetchBytes, memoryBytes, published, thinks, callsTools }) => {
    const abilities = [...(thinks ? ['thinks'] : []), ...(callsTools ? ['calls tools'] : [])].join(', ')
    return [`\`${name}\``, source, formatBytes(fetchBytes), formatBytes(memoryBytes), published, abilities]
  })
  const lines = rows.map((row) => `| ${row.join(' | ')} |`.replace('|  |', '| |'))
  const shown: string[] = text.match(/^\| `[a-z0-9.-]+:\w+` \|.*$/gm) ?? []
  assert.ok(shown.length >= 8)
  const day = new Date(models[0].checked).toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' })
  assert.ok(text.includes(`compared with stored copies of the hub's pages on ${day}`))
  assert.equal(
    shown,
    lines.filter((line) => shown.includes(line)),
  )
})

const ANY = { q4: 1, q4m: 1, q8: 1, mxfp4: 1 }

test.run()
