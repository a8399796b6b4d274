import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { molmHome } from '#molm/ground/files/home.js'
import { LANTERN } from '../support/lantern.js'
import { withTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { type Ended, molm } from './molm.js'

export const { question: QUESTION, answer: ANSWER } = LANTERN

interface Home {
  env: { MOLM_HOME: string }
  conversations: Conversations
  /** Runs a command with greedy answers. */
  ask(...args: string[]): Promise<Ended>
}

/** Runs `use` with an empty MOLM_HOME. */
export const withHome = (use: (home: Home) => Promise<void>) =>
  inTemporaryFolder(async (dir) => {
    const env = { MOLM_HOME: dir }
    const conversations = Conversations.at(join(molmHome(env), 'conversations'))
    await use({ env, conversations, ask: (...args) => molm([...args, '--temperature', '0'], { env }) })
  })

/** Runs `molm run` in a terminal, which ends without an error. Resolves with its output. */
export function typed(env: { MOLM_HOME: string }, ...words: string[]): Promise<string> {
  const args = ['bin/molm.js', 'run', '--temperature', '0', ...words]
  return withTerminal({ args, env, outputOnly: true }, async (terminal) => {
    assert.is((await terminal.ended()).code, 0, terminal.output)
    return terminal.output
  })
}
