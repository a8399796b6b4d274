import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { callOf, type ParrotAnswer, writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'
import { sdkServer } from '../tools/mcp/with-servers.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

/** Chats with a model that says these answers and has the tools of a server, whose command contains `folder`. */
async function inChat(
  server: (folder: string) => string,
  answers: (folder: string) => ParrotAnswer[],
  use: (terminal: PseudoTerminal, folder: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const model = await writeParrot(join(folder, 'parrot'), {
      format: 'qwen3',
      answers: answers(folder),
      context: 65536,
    })
    const args = ['bin/molm.js', 'chat', '-m', model, '--mcp', server(folder)]
    const terminal = await PseudoTerminal.start({ args, columns: 100, rows: 30 })
    try {
      await terminal.waitFor(/write something/)
      await use(terminal, folder)
    } finally {
      await terminal.close()
    }
    await until(() => serversIn(folder) === 0, 'the end of all servers')
  })
}

/** Waits for the question whether a tool may run, and answers it. A key that comes at once would not count. */
async function decide(terminal: PseudoTerminal, question: string, tool: string, key: string): Promise<void> {
  await terminal.enter(question, new RegExp(`run ${tool}\\?`))
  await wait(600)
  terminal.type(key)
}

/** Number of processes of servers that work in a folder. */
function serversIn(folder: string): number {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.includes(folder) && !line.includes('bin/molm.js')).length
}

const filesystem = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js')

trial(
  'a model that cannot call tools, and a form that cannot be followed, are refused before the chat begins',
  async () => {
    const cases: [args: string[], message: RegExp][] = [
      [['--mcp', `node "${filesystem}" .`], /molm: nano cannot use tools: the form of its calls is unknown/],
      [['--schema', '{"type": "whole"}'], /molm: schema: `type` "whole" is not a type/],
    ]
    for (const [args, message] of cases) {
      const terminal = await PseudoTerminal.start({
        args: ['bin/molm.js', 'chat', '-m', 'nano', ...args],
        columns: 100,
      })
      await terminal.waitFor(message)
      assert.is((await terminal.ended()).code, 1)
      await terminal.close()
    }
  },
)

trial('a published server answers the calls that the user allows', () => {
  return inChat(
    (folder) => `node "${filesystem}" "${folder}"`,
    (folder) => [
      {
        to: 'What is in the note?',
        says: `Let me look. ${callOf('read_text_file', { path: join(folder, 'note.txt') })}`,
      },
      { to: 'Write one.', says: callOf('write_file', { path: join(folder, 'new.txt'), content: 'New.' }) },
      { toTool: 'for Bern', says: 'It asks for lanterns.' },
      { toTool: true, says: 'I may not write.' },
    ],
    async (terminal, folder) => {
      await writeFile(join(folder, 'note.txt'), 'Buy lanterns for Bern')
      await decide(terminal, 'What is in the note?', 'read_text_file', 'y')
      await terminal.waitFor(/→ Buy lanterns for Bern\n+It asks for lanterns\./)
      await decide(terminal, 'Write one.', 'write_file', 'n')
      await terminal.waitFor(/I may not write\./)
      assert.is(await readFile(join(folder, 'new.txt'), 'utf8').catch(() => 'absent'), 'absent')
      terminal.type('\x04')
      assert.is((await terminal.ended()).code, 0)
    },
  )
})

trial('a server that ends in a call is reported, and the model reads an error', () => {
  const [script] = sdkServer().args
  return inChat(
    (folder) => `node "${script}" "${join(folder, 'log')}"`,
    () => [
      { to: 'End it.', says: callOf('die', {}) },
      { toTool: true, says: 'The server has ended.' },
    ],
    async (terminal) => {
      await decide(terminal, 'End it.', 'die', 'y')
      await terminal.waitFor(/The server has ended\./)
      const { text } = terminal.screen
      assert.match(text.join('\n'), /MCP server support ended \(exit code 3\); it wrote:/)
      assert.match(text.join('\n'), /the \\x1b\[2Jlast words/)
      assert.is(terminal.screen.fullClears, 0)
      await terminal.enter('/tools', /die of support, which has ended/)
      terminal.type('\x04')
      assert.is((await terminal.ended()).code, 0)
    },
  )
})

trial('a server ends with the terminal', () => {
  const [script] = sdkServer().args
  return inChat(
    (folder) => `node "${script}" "${join(folder, 'log')}"`,
    () => [{ says: 'Hello.' }],
    async (terminal, folder) => {
      await terminal.enter('Hi', /Hello\./)
      assert.is(serversIn(folder), 1)
      process.kill(terminal.program, 'SIGHUP')
      await terminal.ended()
    },
  )
})

test.run()
