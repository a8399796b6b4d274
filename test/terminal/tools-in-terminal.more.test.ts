import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sdkServer } from '../chat/tools/mcp/with-servers.js'
import { callOf, type ParrotAnswer, writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertEnds, inTerminalChat, serversIn } from '../support/terminal-chat.js'
import { until } from '../support/until.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

const filesystem = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js')
const [sdk] = sdkServer().args

/** Waits for the question whether a tool may run, and answers it. A key that comes at once would not count. */
async function decide(terminal: PseudoTerminal, question: string, tool: string, key: string): Promise<void> {
  await terminal.enter(question, new RegExp(`^run ${tool}\\?\\n *y yes · n no · a always · Esc stops$`, 'm'))
  await wait(600)
  terminal.type(key)
}

trial(
  'a published server answers the calls that the user allows, in a small window, and ends with the terminal',
  () => {
    return inTemporaryFolder(async (folder) => {
      const answers: ParrotAnswer[] = [
        { to: 'What is in it?', says: `Let me look. ${callOf('read_text_file', { path: join(folder, 'note.txt') })}` },
        { to: 'Write one.', says: callOf('write_file', { path: join(folder, 'new.txt'), content: 'New.' }) },
        { toTool: 'for Bern', says: 'It asks for lanterns.' },
        { toTool: true, says: 'I may not write.' },
      ]
      const model = await writeParrot(join(folder, 'parrot'), { format: 'qwen3', answers, context: 65536 })
      const args = ['bin/molm.js', 'chat', '-m', model, '--mcp', `node "${filesystem}" "${folder}"`]
      await writeFile(join(folder, 'note.txt'), 'Buy lanterns for Bern')
      await inTerminalChat({ args, columns: 40, rows: 12 }, async (terminal) => {
        const { screen } = terminal
        await decide(terminal, 'What is in it?', 'read_text_file', 'y')
        await terminal.waitUntil(() => /→ Buy lanterns for Bern\n+It asks for lanterns\./.test(screen.everything), 'it')
        await decide(terminal, 'Write one.', 'write_file', 'n')
        await terminal.waitUntil(() => /I may not write\./.test(screen.everything), 'the answer')
        assert.ok(screen.text.length <= 12 && screen.text.every((line) => line.length <= 40))
        assert.is(await readFile(join(folder, 'new.txt'), 'utf8').catch(() => 'absent'), 'absent')
        assert.is(serversIn(folder), 1)
        process.kill(terminal.program, 'SIGHUP')
        await assertEnds(terminal, 129)
      })
      await until(() => serversIn(folder) === 0, 'the end of all servers')
    })
  },
)

trial('servers, names of tools and forms of answers that cannot be end the command before the chat', () => {
  return inTemporaryFolder(async (folder) => {
    const model = await writeParrot(join(folder, 'parrot'), { format: 'qwen3', answers: [] })
    const cases: [args: string[], message: RegExp][] = [
      [['--mcp', 'node no-such-server.js'], /MCP server no-such ended/],
      [['--mcp', `node "${sdk}"`, '--yes', 'nothing'], /--yes nothing: no server has this tool/],
      [['--schema', '{"type": "whole"}'], /molm: schema: `type` "whole" is not a type/],
    ]
    for (const [args, message] of cases) {
      const chat = ['bin/molm.js', 'chat', '-m', model, '-t', '1', ...args]
      const terminal = await PseudoTerminal.start({ args: chat, columns: 100 })
      try {
        const { code } = await terminal.ended()
        assert.ok(code === 1 || code === 2, String(code))
        assert.match(terminal.screen.everything, message)
      } finally {
        await terminal.close()
      }
    }
  })
})

test.run()
