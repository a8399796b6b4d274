import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { fixturePath } from './fixtures.js'
import { PseudoTerminal, type TerminalOptions } from './pseudo-terminal.js'

/** A greedy chat on one thread. */
export const CHAT = ['bin/molm.js', 'chat', '-t', '1', '--temperature', '0']

/** A chat whose answers do not end. */
export const ENDLESS = `bin/molm.js chat -t 1 -n 1000000 --ignore-eos -m ${fixturePath('01-base-bin-f32')}`.split(' ')

/** Starts a chat in a terminal, with greedy answers unless `args` are given. Resolves once it has greeted. */
export async function startTerminalChat({
  args = ['bin/molm.js', 'chat', '--temperature', '0'],
  ...others
}: TerminalOptions = {}): Promise<PseudoTerminal> {
  const terminal = await PseudoTerminal.start({ args, ...others })
  // A resumed conversation may have moved it into the scrollback.
  await terminal.waitUntil(() => terminal.screen.everything.includes('write something'), 'the first line')
  return terminal
}

/** Runs `use` with a chat in a terminal, and ends it. */
export async function inTerminalChat(
  options: TerminalOptions,
  use: (terminal: PseudoTerminal) => Promise<void>,
): Promise<PseudoTerminal> {
  const terminal = await startTerminalChat(options)
  try {
    await use(terminal)
  } finally {
    await terminal.close()
  }
  return terminal
}

/** Asks, and waits for the end of the answer: before that, no other question runs, and a frame may be on its way. */
export async function askInTerminal(terminal: PseudoTerminal, question: string): Promise<void> {
  const answered = () => {
    const parts = terminal.screen.everything.split(`› ${question}`).slice(1)
    return parts.filter((part) => /^\s*\n *\n\S/.test(part) && !/^\s*(experts|nano q4|›)/.test(part)).length
  }
  const before = answered()
  terminal.type(`${question}\r`)
  await terminal.waitUntil(() => answered() > before && isIdle(terminal), question)
}

/** Whether no answer runs, by the status line. While the screen is drawn again, that line may not be there yet. */
export function isIdle({ screen }: PseudoTerminal): boolean {
  const status = screen.text.findLast((line) => line.trim() !== '') ?? ''
  return status.includes(' · ') && !/ · (answering|reading)/.test(status)
}

/** Waits until the program ends with this code. The terminal is as a shell expects it then, and nothing was cleared. */
export async function assertEnds(terminal: PseudoTerminal, wanted: number): Promise<void> {
  const { code, settings } = await terminal.ended()
  assert.is(code, wanted)
  assert.match(settings, /(^|\s)icanon/, 'canonical mode')
  assert.match(settings, /(^|\s)echo\s/, 'echo')
  const { screen } = terminal
  assert.ok(screen.cursorVisible, 'cursor')
  assert.not.ok(screen.takesPastes, 'bracketed paste')
  assert.is(screen.fullClears, 0, 'full clears')
}

/** Number of processes of MCP servers that work in a folder. */
export function serversIn(folder: string): number {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.includes(folder) && !line.includes('bin/molm.js')).length
}

type Case = (name: string, run: () => Promise<void>) => void

/** Defines cases that share a terminal: once one has failed, the others fail at once, and wait for nothing. */
export function inSequence(define: Case): Case {
  let hasFailed = false
  return (name, run) =>
    define(name, async () => {
      if (hasFailed) throw new Error('a case before has failed')
      hasFailed = true
      await run()
      hasFailed = false
    })
}
