import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { molmHome } from '#molm/ground/files/home.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { type Ended, molm } from './molm.js'

const test = suite('kept conversations')
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

const QUESTION = 'What is a lantern?'
const ANSWER = 'A lantern is a light inside a case that can be carried.'

interface Home {
  env: { MOLM_HOME: string }
  conversations: Conversations
  /** Runs a command with greedy answers. */
  ask(...args: string[]): Promise<Ended>
}

/** Runs `use` with an empty MOLM_HOME. */
const withHome = (use: (home: Home) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    const env = { MOLM_HOME: dir }
    const conversations = Conversations.at(join(molmHome(env), 'conversations'))
    await use({ env, conversations, ask: (...args) => molm([...args, '--temperature', '0'], { env }) })
  })

/** Runs `molm run` in a terminal, which ends without an error. Resolves with its output. */
async function typed(env: { MOLM_HOME: string }, ...args: string[]): Promise<string> {
  const terminal = await PseudoTerminal.start({
    args: ['bin/molm.js', 'run', '--temperature', '0', ...args],
    env,
    outputOnly: true,
  })
  try {
    assert.is((await terminal.ended()).code, 0, terminal.output)
    return terminal.output
  } finally {
    await terminal.close()
  }
}

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
