import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hostileServer, sdkServer } from '../chat/tools/mcp/with-servers.js'
import { fixturePath } from '../support/fixtures.js'
import { callOf, type ParrotAnswer, writeParrot } from '../support/parrot-model.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { assertEnds, inSequence, serversIn, startTerminalChat } from '../support/terminal-chat.js'
import { until } from '../support/until.js'

/*
 * One chat in a real terminal, with tools of real MCP servers. A case continues after the one before it.
 */

const test = suite('tools in a terminal')
const trial = inSequence(HAS_PSEUDO_TERMINAL ? test : test.skip)

const THOUGHT = 'The user wants a sum. I do not add; the tool adds for me.'
const ANSWERS: ParrotAnswer[] = [
  { says: 'Hello!' },
  { to: 'Add them.', says: `<think>\n${THOUGHT}\n</think>\n\n${callOf('add', { a: 2, b: 3 })}` },
  { to: 'Fail now.', says: callOf('fail', {}) },
  { to: 'Die now.', says: callOf('die', {}) },
  { toTool: true, says: '<think>\nThere it is.\n</think>\n\nThat is five.' },
]

const THROWER = "process.on('SIGUSR2', () => { throw new Error('on purpose') })"

let folder = ''
let terminal: PseudoTerminal

test.before(async () => {
  if (!HAS_PSEUDO_TERMINAL) return
  folder = await mkdtemp(join(tmpdir(), 'molm-tools-'))
  const model = await writeParrot(join(folder, 'parrot'), { format: 'qwen3', answers: ANSWERS })
  const servers = [sdkServer(join(folder, 'log')), hostileServer(folder)].flatMap(({ args }) => {
    return ['--mcp', `node ${args.map((word) => `"${word}"`).join(' ')}`]
  })
  const preload = `data:text/javascript,${encodeURIComponent(THROWER).replaceAll("'", '%27')}`
  terminal = await startTerminalChat({
    args: ['--import', preload, 'bin/molm.js', 'chat', '-m', model, '-t', '1', ...servers, '--yes', 'fail,die'],
  })
})

test.after(async () => {
  await terminal?.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** Presses a key at the question; one that comes too soon would be text. */
async function decide(key: string, pattern: RegExp): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 400))
  terminal.type(key)
  await shows(pattern)
}

/** Waits for a text, which may be in the scrollback by then. */
function shows(pattern: RegExp): Promise<void> {
  return terminal.waitUntil(() => pattern.test(terminal.screen.everything), String(pattern))
}

trial('a call is asked for, run by its server, and its thoughts are folded until a key opens them', async () => {
  await terminal.enter('Add them.', /^run add\?\n *y yes · n no · a always/m)
  assert.match(terminal.screen.text.join('\n'), /^thought \d+ tokens, [\d.]+ s\nadd\(a: 2, b: 3\)\n/m)
  await decide('y', /^→ 5\nthought \d+ tokens, [\d.]+ s\nThat is five\.\n\d of \d experts woke/m)
  assert.not.match(terminal.screen.everything, /wants a sum/)
  terminal.type('\x14')
  await terminal.waitFor(
    /^│ The user wants a sum\. I do not add; the tool adds for me\.\n│ add\(a: 2, b: 3\)\n│ → 5\n│ There/m,
  )
  await terminal.enter('/tools', /^echo of \w+: Repeats a text\.$/m)
})

trial('failures and a server that ends are errors in the chat, which continues', async () => {
  await terminal.enter('Fail now.', /^! fail: .*this tool \S+fails/m)
  assert.not.ok(terminal.output.includes('\x1b[31mfails'), 'nothing of the server colours the terminal')
  await terminal.enter('/reset', /begins again/)
  await terminal.enter('Die now.', /^! die: .*ended/m)
  await shows(/MCP server support ended \(exit code 3\); it wrote:[\s\S]*the \\x1b\[2Jlast words/)
  await terminal.enter('/tools', /die of support, which has ended/)
  await terminal.enter('Good morning', /Hello!/)
})

trial('an error that nothing catches leaves the terminal as it was, and ends the servers', async () => {
  assert.is(serversIn(folder), 1)
  process.kill(terminal.program, 'SIGUSR2')
  await assertEnds(terminal, 1)
  await until(() => serversIn(folder) === 0, 'the end of all servers')
})

trial('a model that cannot call tools is refused before the chat begins and a server starts', async () => {
  const model = fixturePath('01-base-bin-f32')
  const args = ['bin/molm.js', 'chat', '-m', model, '-t', '1', '--mcp', 'no-such-command']
  const refused = await PseudoTerminal.start({ args, columns: 120 })
  try {
    assert.is((await refused.ended()).code, 1)
    assert.match(refused.screen.everything, /molm: 01-base-bin-f32 cannot use tools: it has no chat template/)
  } finally {
    await refused.close()
  }
})

test.run()
