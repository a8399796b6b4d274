import type { HubServer } from '../support/hub-server.js'
import { type PseudoTerminal, withTerminal } from '../support/pseudo-terminal.js'
import { REPO, withHub } from '../support/with-hub.js'
import { type Ended, molm } from './molm.js'

/** Runs a command of a hub's user. */
type Run = (...args: string[]) => Promise<Ended>

/** Runs `use` with a hub that serves a model, and a function that runs commands against it. */
export function withServedModel(use: (run: Run, hub: HubServer, dir: string) => Promise<unknown>): Promise<void> {
  return withHub(async (hub, dir) => {
    await hub.serve(REPO, '01-base-bin-f32')
    await use((...args) => molm(args, { env: { MOLM_HOME: process.env.MOLM_HOME } }), hub, dir)
  })
}

/** Runs `use` with a command in a terminal, against the hub of the environment. */
export function inTerminalOf<T>(
  args: string[],
  use: (terminal: PseudoTerminal) => Promise<T>,
  columns = 70,
): Promise<T> {
  const env = { MOLM_HOME: process.env.MOLM_HOME }
  return withTerminal({ args: ['bin/molm.js', ...args], columns, env }, use)
}
