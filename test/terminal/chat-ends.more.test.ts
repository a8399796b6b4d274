import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertEnds, CHAT, ENDLESS, inTerminalChat } from '../support/terminal-chat.js'
import { until } from '../support/until.js'

/*
 * Chats that end in the middle of an answer.
 */

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

/** An answer of ENDLESS that has some dozens of tokens so far. */
const MIDWAY = /experts of the newest token[\s\S]* answering .*context (?:[5-9]\d|\d{3,})/

/** Roles and contents in the kept conversation; of long ones only the beginning. */
async function kept(home: string): Promise<string[]> {
  const folder = join(home, 'conversations')
  const [name] = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'))
  const text = await readFile(join(folder, name), 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n')).split('\n').slice(1)
  return whole.map((line) => JSON.parse(line)).map(({ role, content }) => `${role} ${content}`.slice(0, 40))
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
] as const) {
  trial(`${signal} keeps what an answer has so far, and frees the conversation`, async () => {
    await inTemporaryFolder(async (home) => {
      await inTerminalChat({ args: ENDLESS, env: { MOLM_HOME: home } }, async (terminal) => {
        await terminal.enter('Once upon a time', MIDWAY)
        process.kill(terminal.program, signal)
        await assertEnds(terminal, code)
      })
      const [question, answer] = await kept(home)
      assert.is(question, 'user Once upon a time')
      assert.ok(answer.length > 'assistant '.length, answer)
      assert.not.ok((await readdir(join(home, 'conversations'))).some((name) => name.includes('lock')))
    })
  })
}

trial('a signal while a long message is read keeps what was read of it', async () => {
  await inTemporaryFolder(async (home) => {
    const folder = join(home, 'conversations')
    const long = 'The lantern is lit, and the boat is far away. '.repeat(1500)
    await inTerminalChat({ args: [...CHAT, long], env: { MOLM_HOME: home } }, async (terminal) => {
      await terminal.waitFor(/reading [1-9]/)
      process.kill(terminal.program, 'SIGTERM')
      await assertEnds(terminal, 143)
    })
    const [cache, ...others] = (await readdir(folder)).filter((name) => /cache/.test(name))
    assert.match(cache, /\.cache$/)
    assert.equal(others, [])
    assert.ok((await stat(join(folder, cache))).size > 256 * 1000)
  })
})

trial('Ctrl-D during an answer shows what it has so far, and keeps it', async () => {
  await inTemporaryFolder(async (home) => {
    const { screen } = await inTerminalChat({ args: ENDLESS, env: { MOLM_HOME: home } }, async (terminal) => {
      await terminal.enter('Once upon a time', MIDWAY)
      terminal.type('\x04')
      await assertEnds(terminal, 0)
    })
    assert.match(screen.everything, /interrupted: \/continue resumes it[\s\S]*kept as/)
    assert.match((await kept(home))[1], /^assistant ./)
  })
})

trial('after a kill in the middle of an answer, all earlier turns and the question are there', async () => {
  await inTemporaryFolder(async (home) => {
    const env = { MOLM_HOME: home }
    await inTerminalChat({ args: ENDLESS, env }, async (terminal) => {
      await terminal.enter('/set max-tokens 5', /set max-tokens 5/)
      await terminal.enter('One', /cut at 5 tokens/)
      await terminal.enter('/set max-tokens 100000', /max-tokens 100000/)
      await terminal.enter('Two', MIDWAY)
      await until(async () => (await kept(home)).length === 3, 'the question in the file')
      process.kill(terminal.program, 'SIGKILL')
      await terminal.ended()
    })
    const lines = await kept(home)
    assert.equal([lines.length, lines[0], lines[2]], [3, 'user One', 'user Two'])
    await inTerminalChat({ args: [...ENDLESS, '-c'], env }, async (terminal) => {
      await terminal.waitUntil(() => /resumed \S+: 3 messages/.test(terminal.screen.everything), 'the conversation')
      assert.not.match(terminal.screen.everything, /a copy of/)
    })
  })
})

trial('Ctrl-Z changes nothing without a shell that could continue the chat', async () => {
  await inTerminalChat({}, async (terminal) => {
    await terminal.waitFor(/\/help$/m)
    terminal.type('\x1a')
    // The output, since the screen lags behind it: until raw mode is on again, Enter would arrive as a line feed.
    const [on, off] = ['\x1b[?2004h', '\x1b[?2004l']
    const isBack = () => terminal.output.includes(on, terminal.output.indexOf(off) + 1)
    await terminal.waitUntil(() => terminal.output.includes(off) && isBack(), 'the screen again')
    await terminal.enter('/stats', /kernels/)
  })
})

test.run()
