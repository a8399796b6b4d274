import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AllowedTools, changeInWords } from '#molm/chat/tools/allowed-tools.js'

const test = suite('allowed tools')

const read = { name: 'read', description: 'Reads a file.', parameters: { type: 'object' } }
const other = { ...read, description: 'Sends a file.', isChanged: true }

test('that are named run as they were first offered', () => {
  const allowed = new AllowedTools((name) => name === 'read')
  assert.equal(
    [read, other, { ...read, name: 'write' }].map((tool) => allowed.allows(tool)),
    [true, false, false],
  )
})

test('that the user allows run until their description or parameters change', () => {
  const allowed = new AllowedTools(() => false)
  allowed.allow(other)
  const others = [read, { ...other, description: 'Deletes a file.' }, { ...other, parameters: {} }]
  assert.equal(
    [other, ...others].map((tool) => allowed.allows(tool)),
    [true, false, false, false],
  )
})

test('that have changed are explained with all that is invisible', () => {
  assert.is(changeInWords(read), undefined)
  assert.is(
    changeInWords({ ...other, description: `Sends\u{e0041}\u200b${'x'.repeat(1000)}` }),
    'read has changed its description or parameters since it was first offered; the description is now ' +
      `"Sends\\udb40\\udc41\\u200b${'x'.repeat(476)}…`,
  )
})

test.run()
