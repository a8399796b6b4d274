import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { callOf, type ParrotAnswer, writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/*
 * A chat in a real terminal, with tools of a real MCP server.
 */

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

const SERVER = `node ${repositoryPath('build/test/support/mcp-server.js')}`
const THOUGHT = 'The user wants a sum. I do not add; the tool adds for me.'
const ANSWERS: ParrotAnswer[] = [
  { says: 'Hello!' },
  { to: 'Add them.', says: `<think>\n${THOUGHT}\n</think>\n\n${callOf('add', { a: 2, b: 3 })}` },
  { to: 'Fail now.', says: callOf('fail', {}) },
  { to: 'Die now.', says: callOf('die', {}) },
  { toTool: 'declined this call', says: 'Then I do not know.' },
  { toTool: true, says: '<think>\nThere it is.\n</think>\n\nThat is five.' },
]

interface Window {
  columns?: number
  rows?: number
  args?: string[]
}

async function withTools(
  { columns = 80, rows = 24, args = [] }: Window,
  use: (terminal: PseudoTerminal) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const path = await writeParrot(join(dir, 'parrot'), { format: 'qwen3', answers: ANSWERS })
    const chat = ['bin/molm.js', 'chat', '-m', path, '-t', '1', '--mcp', SERVER, ...args]
    const terminal = await PseudoTerminal.start({ columns, rows, args: chat })
    try {
      await terminal.waitFor(/write something/)
      await use(terminal)
    } finally {
      await terminal.close()
    }
  })
}

/** Presses a key at the question; one that comes too soon would be text. */
async function decide(terminal: PseudoTerminal, key: string, pattern: RegExp): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 400))
  terminal.type(key)
  await shows(terminal, pattern)
}

/** Waits for a text, which may be in the scrollback by then. */
function shows(terminal: PseudoTerminal, pattern: RegExp): Promise<void> {
  return terminal.waitUntil(() => pattern.test(terminal.screen.everything), String(pattern))
}

trial('a call is asked for, run by its server, and its thoughts are folded until a key opens them', async () => {
  await withTools({}, async (terminal) => {
    await terminal.enter('Add them.', /^run add\?\n *y yes · n no · a always/m)
    assert.match(terminal.screen.text.join('\n'), /^thought \d+ tokens, [\d.]+ s\nadd\(a: 2, b: 3\)\n/m)
    await decide(terminal, 'y', /^→ 5\nthought \d+ tokens, [\d.]+ s\nThat is five\.\n\d of \d experts woke/m)
    assert.not.match(terminal.screen.everything, /wants a sum/)
    terminal.type('\x14')
    await terminal.waitFor(
      /^│ The user wants a sum\. I do not add; the tool adds for me\.\n│ add\(a: 2, b: 3\)\n│ → 5\n│ There/m,
    )
    await terminal.enter('/tools', /^echo of \w+: Repeats a text\.$/m)
    terminal.type('\x04')
    assert.is((await terminal.ended()).code, 0)
  })
})

trial('a call that is declined does not run, and after Escape at the question /continue asks again', async () => {
  await withTools({ columns: 40, rows: 12 }, async (terminal) => {
    const { screen } = terminal
    await terminal.enter('Add them.', /^run add\?\n *y yes · n no · a always · Esc stops$/m)
    assert.ok(screen.text.length <= 12 && screen.text.every((line) => line.length <= 40))
    await decide(terminal, 'n', /Then I do not know\./)
    assert.match(screen.everything, /^→ declined$/m)
    await terminal.enter('Add them.', /^run add\?/m)
    await decide(terminal, '\x1b', /interrupted: \/continue asks again/)
    await terminal.enter('/continue', /^run add\?/m)
    assert.not.match(screen.everything, /→ 5/)
    await decide(terminal, 'y', /That is five\./)
    assert.match(screen.everything, /→ 5/)
    terminal.type('Good morning\r')
    await shows(terminal, /Hello!/)
  })
})

trial('a tool that --yes names runs at once; failures and a server that ends are errors in the chat', async () => {
  await withTools({ args: ['--yes', 'add,fail,die'] }, async (terminal) => {
    await terminal.enter('Add them.', /That is five\./)
    assert.not.match(terminal.screen.everything, /run add\?/)
    await terminal.enter('Fail now.', /^! fail: .*this tool \S+fails/m)
    assert.not.ok(terminal.output.includes('\x1b[31mfails'), 'nothing of the server colours the terminal')
    await terminal.enter('Die now.', /^! die: .*ended/m)
    await terminal.enter('/reset', /begins again/)
    await terminal.enter('Good morning', /Hello!/)
  })
})

trial('a server that does not start ends the command, and a name that it lacks, too', async () => {
  const args = (...more: string[]) => ['bin/molm.js', 'chat', ...more]
  for (const [command, words] of [
    [args('--mcp', 'node no-such-server.js'), /MCP server no-such ended/],
    [args('--mcp', SERVER, '--yes', 'nothing'), /--yes nothing: no server has this tool/],
  ] as const) {
    const terminal = await PseudoTerminal.start({ args: command })
    try {
      const { code } = await terminal.ended()
      assert.ok(code === 1 || code === 2, String(code))
      assert.match(terminal.screen.everything, words)
    } finally {
      await terminal.close()
    }
  }
})

test.run()
