import { writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { ANSWER, QUESTION, typed, withHome } from './kept-home.js'

const test = suite('kept conversations')
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

inTerminal('a typed question is not kept with --no-history or --json', async () => {
  await withHome(async ({ env, conversations }) => {
    await typed(env, QUESTION, '--no-history')
    await typed(env, QUESTION, '--json')
    assert.equal(await conversations.list(), [])
  })
})

inTerminal('a folder that cannot be written is a note after the answer', async () => {
  await withHome(async ({ env, conversations }) => {
    await writeFile(conversations.folder, 'a file in the way')
    const output = (await typed(env, QUESTION)).replace(/\s+/g, ' ')
    assert.match(output, `${ANSWER} molm: this answer is not kept: `)
    assert.match(output, 'cannot be written')
  })
})

test.run()
